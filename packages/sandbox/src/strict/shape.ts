/** What is wrong with a value, and where: names and indexes from the body's root. */
export interface Flaw {
  readonly path: Path
  readonly message: string
  /** A member that nobody knows, one that is not there, or one that is not as it should be. */
  readonly kind: 'unknown' | 'missing' | 'value'
}
export type Path = readonly (string | number)[]

/** Null = the value has this shape. */
export type Shape = (value: unknown, path: Path) => Flaw | null
/** A member that may be left out. */
export interface Optional { readonly optional: Shape }
export type Fields = Readonly<Record<string, Shape | Optional>>

const flaw = (path: Path, message: string, kind: Flaw['kind'] = 'value'): Flaw => ({ path, message, kind })

export const optional = (shape: Shape): Optional => ({ optional: shape })
export const nullable = (shape: Shape): Shape => (value, path) => value === null ? null : shape(value, path)
export const anything: Shape = () => null
export const flag: Shape = (value, path) => typeof value === 'boolean' ? null : flaw(path, 'Input should be a valid boolean')

/** Lengths in UTF-16 units. */
export const text = (least = 0, most = Infinity, pattern?: RegExp): Shape => (value, path) => {
  if (typeof value !== 'string') return flaw(path, 'Input should be a valid string')
  if (value.length < least) return flaw(path, `String should have at least ${least} character${least === 1 ? '' : 's'}`)
  if (value.length > most) return flaw(path, `String should have at most ${most} characters`)
  return pattern === undefined || pattern.test(value) ? null : flaw(path, `String should match pattern '${pattern.source}'`)
}

export const number = (least = -Infinity, most = Infinity): Shape => (value, path) => {
  if (typeof value !== 'number') return flaw(path, 'Input should be a valid number')
  if (value < least) return flaw(path, `Input should be greater than or equal to ${least}`)
  return value > most ? flaw(path, `Input should be less than or equal to ${most}`) : null
}

export const integer = (least = -Infinity, most = Infinity): Shape => (value, path) =>
  typeof value === 'number' && !Number.isInteger(value) ? flaw(path, 'Input should be a valid integer') : number(least, most)(value, path)

export const oneOf = (...words: readonly (string | number | boolean)[]): Shape => (value, path) =>
  words.some((word) => word === value) ? null : flaw(path, `Input should be ${words.map((word) => JSON.stringify(word)).join(' or ')}`)

export const list = (element: Shape, least = 0, most = Infinity): Shape => (value, path) => {
  if (!Array.isArray(value)) return flaw(path, 'Input should be a valid list')
  if (value.length < least) return flaw(path, `List should have at least ${least} item${least === 1 ? '' : 's'}`)
  if (value.length > most) return flaw(path, `List should have at most ${most} items`)
  for (const [index, item] of value.entries()) {
    const wrong = element(item, [...path, index])
    if (wrong !== null) return wrong
  }
  return null
}

/** An object of any members. */
export const record: Shape = (value, path) => isRecord(value) ? null : flaw(path, 'Input should be a valid dictionary')

/** An object of these members and no others, unless it is `open`. */
export const object = (fields: Fields, open = false): Shape => (value, path) => {
  if (!isRecord(value)) return flaw(path, 'Input should be an object')
  for (const [name, field] of Object.entries(fields)) {
    const shape = 'optional' in field ? field.optional : field
    const member = Object.hasOwn(value, name) ? value[name] : undefined
    if (member === undefined) {
      if (shape === field) return flaw([...path, name], 'Field required', 'missing')
      continue
    }
    const wrong = shape(member, [...path, name])
    if (wrong !== null) return wrong
  }
  const unknown = open ? undefined : Object.keys(value).find((name) => !Object.hasOwn(fields, name))
  return unknown === undefined ? null : flaw([...path, unknown], 'Extra inputs are not permitted', 'unknown')
}

/** The shape that one member's word chooses. `otherwise` stands in where the word is missing. */
export const tagged = (tag: string, shapes: Readonly<Record<string, Shape>>, otherwise?: string): Shape => (value, path) => {
  if (!isRecord(value)) return flaw(path, 'Input should be an object')
  const word = value[tag] ?? otherwise
  const shape = typeof word === 'string' && Object.hasOwn(shapes, word) ? shapes[word] : undefined
  if (shape !== undefined) return shape(value, path)
  if (word === undefined) return flaw([...path, tag], 'Field required', 'missing')
  return flaw(path, `Input tag '${String(word)}' found using '${tag}' does not match any of the expected tags: ${Object.keys(shapes).map((name) => `'${name}'`).join(', ')}`)
}

export const textOr = (other: Shape): Shape => (value, path) => typeof value === 'string' ? null : other(value, path)

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
