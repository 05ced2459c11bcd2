import type { JsonText } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'

const MOST_DEPTH = 64
/** Rules whose numbers a protocol buffer writes as strings. */
const COUNTS: ReadonlySet<string> = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'])
/** What says nothing about which values are meant. */
const HINTS: ReadonlySet<string> = new Set(['nullable', 'propertyOrdering', 'example', 'property_ordering'])
/** Formats that only name the width of a number. */
const WIDTHS: ReadonlySet<unknown> = new Set(['enum', 'int32', 'int64', 'float', 'double'])

/** Google's own kind of schema (OpenAPI 3.0's, with types in capitals) as the JSON Schema that everybody else takes. What is none stays what it is. */
export function toJsonSchema(schema: JsonText): JsonText {
  const value = parseJson(schema)
  return asObject(value) === null ? schema : JSON.stringify(convert(value, 0))
}

function convert(value: unknown, depth: number): unknown {
  const schema = asObject(value)
  if (schema === null || depth > MOST_DEPTH) return value
  const members: Record<string, unknown> = {}
  for (const [spelled, rule] of Object.entries(schema)) {
    const name = spelled.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase())
    if (HINTS.has(name) || (name === 'format' && WIDTHS.has(rule))) continue
    members[name] = convertRule(name, rule, depth)
  }
  if (schema['nullable'] === true) widen(members)
  return members
}

function convertRule(name: string, rule: unknown, depth: number): unknown {
  if (name === 'type' && typeof rule === 'string') return rule.toLowerCase()
  if (COUNTS.has(name) && typeof rule === 'string') return Number(rule)
  if (name === 'items') return convert(rule, depth + 1)
  if ((name === 'anyOf' || name === 'prefixItems') && Array.isArray(rule)) return rule.map(inner => convert(inner, depth + 1))
  const group = name === 'properties' || name === '$defs' ? asObject(rule) : null
  return group === null ? rule : Object.fromEntries(Object.entries(group).map(([key, inner]) => [key, convert(inner, depth + 1)]))
}

/** Null is a value too. */
function widen(members: Record<string, unknown>): void {
  if (typeof members['type'] === 'string') members['type'] = [members['type'], 'null']
  if (Array.isArray(members['enum'])) members['enum'] = [...members['enum'] as unknown[], null]
  if (Array.isArray(members['anyOf'])) members['anyOf'] = [...members['anyOf'] as unknown[], { type: 'null' }]
}
