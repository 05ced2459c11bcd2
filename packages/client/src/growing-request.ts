import { chainHead, DELTA_SHAPES, fixedElement, type DeltaShape } from '@headrace/bytes'

/** A request that grows from turn to turn, taken apart so that its beginning can be left out. */
export interface GrowingRequest {
  readonly shape: DeltaShape
  /** `heads[n]`: of the chain up to and with the first n elements of the list. */
  readonly heads: readonly string[]
  /** The elements of the list, parsed. */
  readonly elements: readonly unknown[]
  /** The body without its first `count` elements, and without what stays the same. */
  rest(count: number): string
}

const EMPTY = '0'.repeat(64)

/** Null = it is none, or its JSON would not come out of parsing as it went in: then it is sent as it is. */
export function growingRequest(path: string, body: string): GrowingRequest | null {
  const shape = Object.entries(DELTA_SHAPES).find(([end]) => path.endsWith(end))?.[1]
  if (shape === undefined) return null
  const parsed = parse(body)
  if (parsed === null || JSON.stringify(parsed) !== body) return null
  const elements = parsed[shape.list]
  if (!Array.isArray(elements) || elements.length === 0) return null
  const list: readonly unknown[] = elements
  const fixed = fixedElement(shape, name => name in parsed ? JSON.stringify(parsed[name]) : undefined)
  const heads = [chainHead(EMPTY, fixed)]
  for (const element of list) heads.push(chainHead(heads[heads.length - 1] ?? EMPTY, JSON.stringify(element)))
  const others = Object.fromEntries(Object.entries(parsed).filter(([name]) => !shape.fixed.includes(name)))
  return { shape, heads, elements: list, rest: count => JSON.stringify({ ...others, [shape.list]: list.slice(count) }) }
}

function parse(body: string): Record<string, unknown> | null {
  try {
    const value = JSON.parse(body) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null // JSON objects have string keys
  } catch {
    return null
  }
}
