import { isObject } from '../dialect.ts'

/** Values that are the client's own: their names mean something to somebody else. */
const OPAQUE: ReadonlySet<string> = new Set(['args', 'response', 'parameters', 'parametersJsonSchema', 'responseSchema', 'responseJsonSchema', 'labels', 'partMetadata'])

/** JSON of a protocol buffer may spell names either way (`inline_data`): everything below reads the JSON names. */
export function jsonNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(jsonNames)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([spelled, member]) => {
    const name = spelled.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase())
    return [name, OPAQUE.has(name) ? member : jsonNames(member)]
  }))
}
