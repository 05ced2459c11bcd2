import { gatewayError, type GatewayError, type JsonText } from '@headrace/contract'
import type { JsonView } from '@headrace/bytes'

/** A request that cannot be decoded. Thrown inside a decoder, and turned into a value at its door: every reader would else carry a `Result`. */
export class InvalidRequest extends Error {
  readonly error: GatewayError

  constructor(message: string, param: string) {
    super(message)
    this.error = gatewayError('invalid-request', message, { param })
  }
}

/** A string; absent and null = ''. */
export function readText(view: JsonView, path: string): string {
  if (!view.given) return ''
  const text = view.string
  if (text === null) throw new InvalidRequest(`"${path}" must be a string.`, path)
  return text
}

/** A string that must be there. */
export function needText(view: JsonView, path: string): string {
  const text = view.string
  if (text === null) throw new InvalidRequest(`"${path}" must be a string.`, path)
  return text
}

/** The number as it was written; absent and null = null. */
export function readNumber(view: JsonView, path: string): JsonText | null {
  if (!view.given) return null
  if (view.kind !== 'number') throw new InvalidRequest(`"${path}" must be a number.`, path)
  return view.raw
}

/** A whole number that is not negative; absent and null = -1. */
export function readCount(view: JsonView, path: string): number {
  if (!view.given) return -1
  const count = view.number
  if (count === null || !Number.isSafeInteger(count) || count < 0) throw new InvalidRequest(`"${path}" must be a whole number.`, path)
  return count
}

/** Absent and null = null. */
export function readFlag(view: JsonView, path: string): boolean | null {
  if (!view.given) return null
  const flag = view.boolean
  if (flag === null) throw new InvalidRequest(`"${path}" must be true or false.`, path)
  return flag
}

/** A list; absent and null = an empty one. */
export function readList(view: JsonView, path: string): readonly JsonView[] {
  if (!view.given) return []
  if (view.kind !== 'array') throw new InvalidRequest(`"${path}" must be a list.`, path)
  return view.elements()
}

/** The JSON text as it was written; absent and null = null. */
export const readRaw = (view: JsonView): JsonText | null => view.given ? view.raw : null

/** The members of an object that are not among the known ones. */
export function readExtras(view: JsonView, known: ReadonlySet<string>): Map<string, JsonText> {
  const extras = new Map<string, JsonText>()
  for (const [name, member] of view.members()) if (!known.has(name)) extras.set(name, member.raw)
  return extras
}

/** Notes the members that say something and are not among the known ones, as `prefix.name`. */
export function noteUnheld(view: JsonView, known: ReadonlySet<string>, prefix: string, unheld: Set<string>): void {
  for (const [name, member] of view.members()) if (!known.has(name) && member.given && member.raw !== '[]') unheld.add(`${prefix}.${name}`)
}

/** `data:image/png;base64,AAAA`; null = not such a URL. */
export function splitDataUrl(url: string): { readonly mediaType: string, readonly data: string } | null {
  if (!url.startsWith('data:')) return null
  const comma = url.indexOf(',')
  if (comma < 0 || !url.slice(5, comma).endsWith(';base64')) return null
  return { mediaType: url.slice(5, comma - 7), data: url.slice(comma + 1) }
}
