import { fixedElement, JsonView, minifyJson, type DeltaShape } from '@headrace/bytes'

/** A request taken apart. Texts are JSON in latin1 (one char = one byte), without white space between tokens. */
export interface RequestElements {
  /** What stays the same, as one element. */
  readonly fixed: string
  /** The elements of the list. */
  readonly list: readonly string[]
  /** All other members, as they stand, each with a comma behind it. */
  readonly others: string
}

/** Null = the body is no object with such a list. */
export function requestElements(body: string, shape: DeltaShape): RequestElements | null {
  const members = JsonView.parse(body)?.members()
  const list = members?.get(shape.list)
  if (members === undefined || list?.kind !== 'array') return null
  const others = [...members].filter(([name]) => name !== shape.list && !shape.fixed.includes(name)).map(([name, value]) => `${JSON.stringify(name)}:${value.raw},`).join('')
  return { fixed: fixedElement(shape, name => optional(members.get(name))), list: list.elements().map(element => minifyJson(element.raw)), others }
}

const optional = (view: JsonView | undefined): string | undefined => view === undefined ? undefined : minifyJson(view.raw)

/** The request put together again: its list last, so that what stands before it can be read without reading it. */
export function assembleRequest({ list }: DeltaShape, others: string, fixed: string, elements: string): { readonly head: string, readonly whole: string } {
  const inner = fixed.slice(1, -1)
  const head = `{${others}${inner === '' ? '' : `${inner},`}${JSON.stringify(list)}:[`
  return { head: `${head}]}`, whole: `${head}${elements}]}` }
}
