import { asObject } from '../relay/json-value.ts'

/** Steps of one check; what needs more is not judged. Schemas come from clients, and answers may be long. */
const MOST_STEPS = 100_000
const MOST_DEPTH = 100

type Schema = Readonly<Record<string, unknown>>

/**
 * Why a JSON value does not fit a JSON schema, with the place (`answer.items[0].name`); null = it fits, or it cannot be judged within bounds. It knows what
 * structured outputs use: types, enumerations, objects, lists, ranges, combinations and references within the schema. `pattern` and `format` are not checked: a
 * client's regular expression could hold up everybody else, and so could a validator that compiles a client's schema to code.
 */
export function checkSchema(value: unknown, schema: unknown): string | null {
  return new Check(schema).check(value, schema, 'answer', 0)
}

class Check {
  readonly #root: unknown
  #steps = 0

  constructor(root: unknown) {
    this.#root = root
  }

  check(value: unknown, schema: unknown, place: string, depth: number): string | null {
    if (schema === false) return `${place} is not allowed`
    const rules = asObject(schema)
    if (rules === null || ++this.#steps > MOST_STEPS || depth > MOST_DEPTH) return null
    const reference = rules['$ref']
    if (typeof reference === 'string') {
      const problem = this.check(value, this.#resolve(reference), place, depth + 1)
      if (problem !== null) return problem
    }
    return checkType(value, rules['type'], place) ?? checkChoice(value, rules, place) ?? this.#combined(value, rules, place, depth)
      ?? (typeof value === 'string' ? checkRange([...value].length, rules, ['minLength', 'maxLength'], `the length of ${place}`) : null)
      ?? (typeof value === 'number' ? checkNumber(value, rules, place) : null)
      ?? (Array.isArray(value) ? this.#list(value, rules, place, depth) : null)
      ?? this.#object(asObject(value), rules, place, depth)
  }

  /** Undefined = it leads nowhere, and says nothing. */
  #resolve(reference: string): unknown {
    if (!reference.startsWith('#')) return undefined
    let at: unknown = this.#root
    for (const step of reference.split('/').slice(1)) {
      const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
      const holder = asObject(at)
      at = Array.isArray(at) ? at[Number(name)] : holder !== null && Object.hasOwn(holder, name) ? holder[name] : undefined
    }
    return at
  }

  #combined(value: unknown, rules: Schema, place: string, depth: number): string | null {
    const fits = (schema: unknown): boolean => this.check(value, schema, place, depth + 1) === null
    const { allOf, anyOf, oneOf, not } = rules
    if (Array.isArray(allOf)) {
      for (const schema of allOf) {
        const problem = this.check(value, schema, place, depth + 1)
        if (problem !== null) return problem
      }
    }
    if (Array.isArray(anyOf) && !anyOf.some(fits)) return `${place} fits none of the alternatives`
    if (Array.isArray(oneOf) && oneOf.filter(fits).length !== 1) return `${place} does not fit exactly one of the alternatives`
    return not !== undefined && fits(not) ? `${place} fits what it must not fit` : null
  }

  #list(list: readonly unknown[], rules: Schema, place: string, depth: number): string | null {
    const first = Array.isArray(rules['prefixItems']) ? rules['prefixItems'] as readonly unknown[] : []
    for (const [index, element] of list.entries()) {
      const problem = this.check(element, index < first.length ? first[index] : rules['items'], `${place}[${index}]`, depth + 1)
      if (problem !== null) return problem
    }
    if (rules['uniqueItems'] === true && new Set(list.map(element => JSON.stringify(element))).size < list.length) return `${place} holds an element twice`
    return checkRange(list.length, rules, ['minItems', 'maxItems'], `the length of ${place}`)
  }

  #object(object: Schema | null, rules: Schema, place: string, depth: number): string | null {
    if (object === null) return null
    const properties = asObject(rules['properties']) ?? {}
    const required = rules['required']
    if (Array.isArray(required)) for (const name of required) if (typeof name === 'string' && !Object.hasOwn(object, name)) return `${place}.${name} is missing`
    for (const [name, member] of Object.entries(object)) {
      const own = Object.hasOwn(properties, name)
      // Names that a pattern may allow are not judged.
      if (!own && rules['patternProperties'] !== undefined) continue
      const problem = this.check(member, own ? properties[name] : rules['additionalProperties'], `${place}.${name}`, depth + 1)
      if (problem !== null) return problem
    }
    return checkRange(Object.keys(object).length, rules, ['minProperties', 'maxProperties'], `the number of members of ${place}`)
  }
}

function checkType(value: unknown, wanted: unknown, place: string): string | null {
  if (wanted === undefined) return null
  const types: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const fits = types.some(type => type === kind || (type === 'integer' && typeof value === 'number' && Number.isInteger(value)))
  return fits ? null : `${place} must be of type ${types.join(' or ')}, and is ${kind}`
}

function checkChoice(value: unknown, rules: Schema, place: string): string | null {
  const text = JSON.stringify(value)
  const { enum: choices } = rules
  if (Array.isArray(choices) && !choices.some(choice => JSON.stringify(choice) === text)) return `${place} is none of the values that are allowed`
  return 'const' in rules && JSON.stringify(rules['const']) !== text ? `${place} is not the value that is wanted` : null
}

function checkNumber(value: number, rules: Schema, place: string): string | null {
  const { exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step } = rules
  if (typeof above === 'number' && value <= above) return `${place} must be more than ${above}`
  if (typeof below === 'number' && value >= below) return `${place} must be less than ${below}`
  if (typeof step === 'number' && step > 0 && Math.abs(value / step - Math.round(value / step)) > 1e-9) return `${place} must be a multiple of ${step}`
  return checkRange(value, rules, ['minimum', 'maximum'], place)
}

function checkRange(count: number, rules: Schema, [least, most]: readonly [string, string], what: string): string | null {
  const low = rules[least]
  const high = rules[most]
  if (typeof low === 'number' && count < low) return `${what} must be at least ${low}`
  return typeof high === 'number' && count > high ? `${what} must be at most ${high}` : null
}
