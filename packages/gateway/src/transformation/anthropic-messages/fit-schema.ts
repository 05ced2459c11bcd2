import type { FittedFormat, JsonText, ResponseFormat } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'

type Schema = Readonly<Record<string, unknown>>

const MOST_DEPTH = 64
/** What structured outputs know of JSON Schema there (https://docs.claude.com/en/docs/build-with-claude/structured-outputs). Everything else is refused. */
const KNOWN: ReadonlySet<string> = new Set(['$defs', 'definitions', '$ref', '$schema', 'type', 'enum', 'const', 'anyOf', 'allOf', 'description', 'title', 'default', 'properties', 'required', 'additionalProperties', 'items'])
const FORMATS: ReadonlySet<unknown> = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'])
/** What changes which values are meant, and cannot be told in words beside the rest. */
const UNSAYABLE: readonly string[] = ['not', 'if', 'then', 'else', 'patternProperties', 'propertyNames', 'dependentSchemas', 'dependentRequired', 'unevaluatedProperties', 'prefixItems', 'contains']

/** JSON without a schema does not exist there, and neither do open objects and some rules: null. */
export function fitFormat(format: ResponseFormat): FittedFormat | null {
  if (format.type !== 'schema') return format.type === 'text' ? { format, how: '' } : null
  const fitted = fitSchema(format.schema)
  return fitted === null ? null : { format: { ...format, schema: fitted.schema }, how: fitted.how }
}

/**
 * A schema as structured outputs and strict tools take it there: objects closed, and what is not known (ranges, lengths, patterns) said in words in the
 * description, which the model reads. What needs no change keeps its text. Null = it cannot be said.
 */
export function fitSchema(schema: JsonText): { readonly schema: JsonText, readonly how: string } | null {
  const told = new Set<string>()
  const fitted = fit(parseJson(schema), told, 0)
  if (fitted === null) return null
  return told.size === 0 ? { schema, how: '' } : { schema: JSON.stringify(fitted), how: `a schema with ${[...told].join(', ')}` }
}

function fit(value: unknown, told: Set<string>, depth: number): Schema | null {
  const schema = asObject(value)
  if (schema === null || depth > MOST_DEPTH || UNSAYABLE.some(name => schema[name] !== undefined)) return null
  const members: Record<string, unknown> = {}
  const words: string[] = []
  for (const [name, rule] of Object.entries(schema)) {
    if (isSayable(name, rule)) members[name] = rule
    // One of them and exactly one of them are the same to a model that writes one answer.
    else if (name === 'oneOf') members['anyOf'] = rule
    else words.push(`${name}: ${JSON.stringify(rule)}`)
  }
  if (schema['oneOf'] !== undefined) told.add('"anyOf" for "oneOf"')
  if (words.length > 0) {
    told.add('rules in words')
    members['description'] = [schema['description'], `{${words.join(', ')}}`].filter(text => typeof text === 'string' && text !== '').join('\n\n')
  }
  return fitInner(members, told, depth) && closed(members, told) ? members : null
}

function isSayable(name: string, rule: unknown): boolean {
  if (name === 'format') return FORMATS.has(rule)
  return name === 'minItems' ? rule === 0 || rule === 1 : KNOWN.has(name)
}

/** False = some schema inside cannot be said. */
function fitInner(members: Record<string, unknown>, told: Set<string>, depth: number): boolean {
  for (const name of ['properties', '$defs', 'definitions']) {
    const group = asObject(members[name])
    if (group === null) continue
    const fitted = Object.entries(group).map(([key, inner]) => [key, fit(inner, told, depth + 1)] as const)
    if (fitted.some(([, inner]) => inner === null)) return false
    members[name] = Object.fromEntries(fitted)
  }
  for (const name of ['anyOf', 'allOf']) {
    const list = members[name]
    if (!Array.isArray(list)) continue
    const fitted = list.map(inner => fit(inner, told, depth + 1))
    if (fitted.includes(null)) return false
    members[name] = fitted
  }
  if (members['items'] === undefined) return true
  const items = fit(members['items'], told, depth + 1)
  members['items'] = items
  return items !== null
}

/** Objects say what they hold, and hold nothing else. False = this one is open by intent: a map, or anything at all. */
function closed(members: Record<string, unknown>, told: Set<string>): boolean {
  const isObject = members['type'] === 'object' || (Array.isArray(members['type']) && members['type'].includes('object')) || members['properties'] !== undefined
  const open = members['additionalProperties']
  if (!isObject || open === false) return true
  if (asObject(members['properties']) === null || asObject(open) !== null || open === true) return false
  told.add('closed objects')
  members['additionalProperties'] = false
  return true
}
