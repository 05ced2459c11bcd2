import { isObject } from '../dialect.ts'

const MOST_DEPTH = 64
/** The vendor's own kind of schema: a part of OpenAPI's (https://ai.google.dev/api/caching#Schema). Checked against its SDK's type in `google.test.ts`. */
export const SCHEMA_NAMES: readonly string[] = [
  'type', 'format', 'title', 'description', 'nullable', 'enum', 'maxItems', 'minItems', 'properties', 'required', 'minProperties', 'maxProperties', 'minLength', 'maxLength', 'pattern', 'example', 'anyOf',
  'propertyOrdering', 'default', 'items', 'minimum', 'maximum',
]
const KNOWN: ReadonlySet<string> = new Set(SCHEMA_NAMES)
const TYPES: ReadonlySet<string> = new Set(['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL', 'TYPE_UNSPECIFIED'])

/** Why a schema is none of the vendor's own kind; null = it is one. */
export function checkSchema(schema: unknown, depth = 0): string | null {
  if (!isObject(schema) || depth > MOST_DEPTH) return 'a schema must be an object, and not too deep.'
  const unknown = Object.keys(schema).find((name) => !KNOWN.has(name.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase())))
  if (unknown !== undefined) return `Unknown name "${unknown}": Cannot find field.`
  const { type, required, properties } = schema
  if (type !== undefined && (typeof type !== 'string' || !TYPES.has(type.toUpperCase()))) return 'type is not one of the known ones.'
  const names = isObject(properties) ? Object.keys(properties) : []
  const missing = Array.isArray(required) ? required.find((name) => !names.includes(String(name))) : undefined
  if (missing !== undefined) return `required: property is not defined: ${String(missing)}`
  const inner = [...Object.values(isObject(properties) ? properties : {}), ...(schema['items'] === undefined ? [] : [schema['items']]), ...(Array.isArray(schema['anyOf']) ? schema['anyOf'] as unknown[] : [])]
  for (const each of inner) {
    const problem = checkSchema(each, depth + 1)
    if (problem !== null) return problem
  }
  return null
}
