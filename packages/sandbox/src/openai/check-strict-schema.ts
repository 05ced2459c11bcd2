import { isObject } from '../dialect.ts'

const MOST_DEPTH = 64
/** What strict schemas may not say. */
const FORBIDDEN: readonly string[] = ['allOf', 'not', 'dependentRequired', 'dependentSchemas', 'if', 'then', 'else', 'oneOf', 'patternProperties', 'unevaluatedProperties', 'propertyNames', 'minProperties', 'maxProperties']

/** Why a schema is none that `strict: true` takes: every object is closed and demands all it has. Null = it is one. */
export function checkStrictSchema(schema: unknown, context: readonly string[] = []): string | null {
  const place = `In context=(${context.map((step) => `'${step}'`).join(', ')})`
  if (!isObject(schema)) return `${place}, schema must be an object.`
  const root = context.length === 0 ? checkRoot(schema) : null
  if (root !== null) return root
  if (context.length > MOST_DEPTH) return `${place}, schema is nested too deeply.`
  const forbidden = FORBIDDEN.find((name) => schema[name] !== undefined)
  if (forbidden !== undefined) return `${place}, '${forbidden}' is not permitted.`
  const { properties, required } = schema
  if (schema['type'] === 'object' || isObject(properties)) {
    if (schema['additionalProperties'] !== false) return `${place}, 'additionalProperties' is required to be supplied and to be false.`
    const missing = isObject(properties) ? Object.keys(properties).find((name) => !Array.isArray(required) || !required.includes(name)) : undefined
    if (missing !== undefined) return `${place}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`
  }
  for (const [step, inner] of innerSchemas(schema)) {
    const problem = checkStrictSchema(inner, [...context, step])
    if (problem !== null) return problem
  }
  return null
}

/** Strict or not, an answer is an object. */
export function checkRoot(schema: unknown): string | null {
  const type = isObject(schema) ? schema['type'] : undefined
  return type === 'object' ? null : `schema must be a JSON Schema of 'type: "object"', got 'type: "${String(type ?? 'None')}"'.`
}

function* innerSchemas(schema: Readonly<Record<string, unknown>>): Generator<readonly [string, unknown]> {
  for (const holder of ['properties', '$defs', 'definitions']) {
    const group = schema[holder]
    if (isObject(group)) for (const [name, inner] of Object.entries(group)) yield [name, inner]
  }
  if (Array.isArray(schema['anyOf'])) for (const [index, inner] of (schema['anyOf'] as readonly unknown[]).entries()) yield [String(index), inner]
  if (isObject(schema['items'])) yield ['items', schema['items']]
}
