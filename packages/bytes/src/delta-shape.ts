/** A request that grows from turn to turn: the member whose elements are added to, and those that stay the same. */
export interface DeltaShape {
  readonly list: string
  readonly fixed: readonly string[]
}

/** Requests of which only the new elements need to be sent (`headrace-delta`), by path. */
export const DELTA_SHAPES: Readonly<Record<string, DeltaShape>> = Object.freeze({
  '/v1/chat/completions': { list: 'messages', fixed: ['tools', 'functions', 'response_format'] },
  '/v1/messages': { list: 'messages', fixed: ['system', 'tools'] },
})

/** What stays the same, as the first element of the chain: one object with its members in the shape's order. Texts are JSON. */
export function fixedElement({ fixed }: DeltaShape, textOf: (name: string) => string | undefined): string {
  const members = fixed.flatMap(name => {
    const text = textOf(name)
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
  })
  return `{${members.join()}}`
}
