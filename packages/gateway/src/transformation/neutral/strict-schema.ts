import type { JsonText } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'

const MOST_DEPTH = 64
const FORBIDDEN: readonly string[] = ['allOf', 'not', 'oneOf', 'if', 'then', 'else', 'patternProperties', 'dependentRequired', 'dependentSchemas', 'unevaluatedProperties', 'propertyNames', 'minProperties', 'maxProperties']

/** OpenAI's rules for `strict` (https://platform.openai.com/docs/guides/structured-outputs): an object that is closed and demands every member, all the way down. */
export function isStrictSchema(schema: JsonText): boolean {
  const root = parseJson(schema)
  return asObject(root)?.['type'] === 'object' && isStrict(root, 0)
}

function isStrict(value: unknown, depth: number): boolean {
  const schema = asObject(value)
  if (schema === null || depth > MOST_DEPTH || FORBIDDEN.some(name => schema[name] !== undefined)) return false
  const properties = asObject(schema['properties'])
  const { required, anyOf, items } = schema
  if (schema['type'] === 'object' || properties !== null) {
    if (schema['additionalProperties'] !== false) return false
    if (properties !== null && Object.keys(properties).some(name => !Array.isArray(required) || !required.includes(name))) return false
  }
  const inner = [properties, asObject(schema['$defs']), asObject(schema['definitions'])].flatMap(group => group === null ? [] : Object.values(group))
  if (Array.isArray(anyOf)) inner.push(...anyOf)
  if (items !== undefined) inner.push(items)
  return inner.every(each => isStrict(each, depth + 1))
}
