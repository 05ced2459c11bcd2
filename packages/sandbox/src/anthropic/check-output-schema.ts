import { isObject } from '../dialect.ts'

const MOST_DEPTH = 64
/** Of JSON Schema: what structured outputs know, by the vendor's own account and by what its SDK leaves in a schema. */
const KNOWN: ReadonlySet<string> = new Set([
  '$defs', 'definitions', '$ref', '$schema', 'type', 'enum', 'const', 'anyOf', 'allOf', 'description', 'title', 'default', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'format',
])
const FORMATS: ReadonlySet<unknown> = new Set(['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'uri', 'ipv4', 'ipv6', 'uuid'])

/** Why a schema is none that structured outputs and strict tools take; null = it is one. */
export function checkOutputSchema(schema: unknown, depth = 0): string | null {
  if (!isObject(schema)) return 'Schema must be an object'
  if (depth > MOST_DEPTH) return 'Schema is nested too deeply'
  const unknown = Object.keys(schema).find((name) => !KNOWN.has(name))
  if (unknown !== undefined) return `For '${String(schema['type'] ?? 'any')}' type, property '${unknown}' is not supported`
  if (isType(schema, 'object') && schema['additionalProperties'] !== false) return "For 'object' type, 'additionalProperties' must be explicitly set to false"
  if (schema['minItems'] !== undefined && schema['minItems'] !== 0 && schema['minItems'] !== 1) return "For 'array' type, 'minItems' values other than 0 or 1 are not supported"
  if (schema['format'] !== undefined && !FORMATS.has(schema['format'])) return `For 'string' type, 'format' value '${String(schema['format'])}' is not supported`
  for (const inner of innerSchemas(schema)) {
    const problem = checkOutputSchema(inner, depth + 1)
    if (problem !== null) return problem
  }
  return null
}

function isType(schema: Readonly<Record<string, unknown>>, type: string): boolean {
  return schema['type'] === type || (Array.isArray(schema['type']) && schema['type'].includes(type))
}

function* innerSchemas(schema: Readonly<Record<string, unknown>>): Generator<unknown> {
  for (const name of ['properties', '$defs', 'definitions']) if (isObject(schema[name])) yield* Object.values(schema[name])
  for (const name of ['anyOf', 'allOf']) if (Array.isArray(schema[name])) yield* schema[name] as readonly unknown[]
  if (schema['items'] !== undefined) yield schema['items']
}
