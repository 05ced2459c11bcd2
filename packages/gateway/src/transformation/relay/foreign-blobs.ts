import { JsonView } from '@headrace/bytes'
import type { ScannedRequest, Span } from '@headrace/contract'

/** Where a dialect's requests hold what only its own vendor reads: parts of a list, which stand in `inner` lists of a list, or in the outer one itself. */
export interface BlobPlace {
  /** How a blob of another vendor begins, with its opening quote: see `neutral/opaque-tag.ts`. */
  readonly mark: string
  readonly list: string
  readonly inner: string | null
  /** Members of a part that hold a blob. */
  readonly members: readonly string[]
}

/**
 * A client gives back what it was given: thoughts of another vendor too, with their origin before them. The vendor of the fast lane cannot read them and
 * would refuse the request, so the parts that hold them are left out, and a turn that held nothing else. Every other request is given back as it is, after
 * one look for the mark.
 */
export function withoutForeignBlobs(scanned: ScannedRequest, place: BlobPlace): ScannedRequest {
  const { text } = scanned
  if (!text.includes(place.mark)) return scanned
  const list = JsonView.parse(text)?.get(place.list)
  const kept = list === undefined ? null : withoutForeign(list, place, place.inner !== null)
  if (list === undefined || kept === null) return scanned
  const moved = (span: Span): Span => span.start < list.end ? span : { start: span.start + kept.length - list.raw.length, end: span.end + kept.length - list.raw.length }
  return {
    ...scanned, text: text.slice(0, list.start) + kept + text.slice(list.end),
    modelSpan: moved(scanned.modelSpan), optionsSpan: moved(scanned.optionsSpan), includeUsageSpan: moved(scanned.includeUsageSpan),
  }
}

/** The list as JSON; null = nothing in it is foreign. */
function withoutForeign(list: JsonView, place: BlobPlace, outer: boolean): string | null {
  const kept: string[] = []
  let changed = false
  for (const element of list.elements()) {
    if (outer && place.inner !== null) {
      const inner = element.get(place.inner)
      const rest = withoutForeign(inner, place, false)
      changed ||= rest !== null
      if (rest === null) kept.push(element.raw)
      else if (rest !== '[]') kept.push(element.raw.slice(0, inner.start - element.start) + rest + element.raw.slice(inner.end - element.start))
    } else if (isForeign(element, place)) changed = true
    else kept.push(element.raw)
  }
  return changed ? `[${kept.join(',')}]` : null
}

const isForeign = (part: JsonView, { mark, members }: BlobPlace): boolean => members.some(name => part.get(name).raw.startsWith(mark))
