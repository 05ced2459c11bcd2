import type { Call, FittedFormat, JsonText, ResponseFormat, Target } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'
import { isThirdGeneration } from './generation.ts'

type Schema = Readonly<Record<string, unknown>>

const MOST_DEPTH = 64
/** What answers are held to there (https://ai.google.dev/gemini-api/docs/structured-output). Everything else may be said, and is passed over. */
const KNOWN: ReadonlySet<string> = new Set([
  'type', 'title', 'description', 'items', 'prefixItems', 'minItems', 'maxItems', 'minimum', 'maximum', 'anyOf', 'oneOf', 'properties', 'additionalProperties', 'required', 'propertyOrdering',
])
const FORMATS: ReadonlySet<unknown> = new Set(['date-time', 'date', 'time', 'enum', 'int32', 'int64', 'float', 'double'])

/** Models before the third generation give JSON or call functions, not both: null where a request wants both. What a schema cannot be held to is told in words. */
export function fitFormat(format: ResponseFormat, call: Call, target: Target): FittedFormat | null {
  if (format.type !== 'text' && call.tools.length > 0 && !isThirdGeneration(target.model)) return null
  if (format.type !== 'schema') return { format, how: '' }
  const fitted = fitSchema(format.schema)
  return { format: { ...format, schema: fitted.schema }, how: fitted.how }
}

/** A schema that needs no change keeps its text. */
export function fitSchema(schema: JsonText): { readonly schema: JsonText, readonly how: string } {
  const told = new Set<string>()
  const given = parseJson(schema)
  const fitted = JSON.stringify(fit(given, told, 0))
  return { schema: fitted === JSON.stringify(given) ? schema : fitted, how: told.size === 0 ? '' : `a schema with ${[...told].join(', ')}` }
}

function fit(value: unknown, told: Set<string>, depth: number): unknown {
  const schema = asObject(value)
  if (schema === null || depth > MOST_DEPTH) return value
  if (typeof schema['$ref'] === 'string') return fitReference(schema, told)
  const members: Record<string, unknown> = {}
  const words: string[] = []
  for (const [name, rule] of Object.entries(schema)) {
    if (name === 'const' && isChoice(rule)) members['enum'] = [rule]
    else if (isSayable(name, rule)) members[name] = fitRule(name, rule, told, depth)
    else if (name !== 'default' && name !== 'examples') words.push(`${name}: ${JSON.stringify(rule)}`)
  }
  if (words.length === 0) return members
  told.add('rules in words')
  return { ...members, description: [schema['description'], `{${words.join(', ')}}`].filter(text => typeof text === 'string' && text !== '').join('\n\n') }
}

/** Beside a reference nothing may stand. */
function fitReference(schema: Schema, told: Set<string>): Schema {
  const kept = Object.entries(schema).filter(([name]) => name.startsWith('$'))
  if (Object.keys(schema).some(name => !name.startsWith('$') && name !== 'description' && name !== 'title' && name !== 'default')) told.add('rules beside references left out')
  return Object.fromEntries(kept)
}

const isChoice = (value: unknown): boolean => typeof value === 'string' || typeof value === 'number'

function isSayable(name: string, rule: unknown): boolean {
  if (name === 'format') return FORMATS.has(rule)
  if (name === 'enum') return Array.isArray(rule) && rule.every(value => isChoice(value) || value === null)
  return name.startsWith('$') || name === 'definitions' || KNOWN.has(name)
}

function fitRule(name: string, rule: unknown, told: Set<string>, depth: number): unknown {
  if (name === 'properties' || name === '$defs' || name === 'definitions') {
    const group = asObject(rule)
    return group === null ? rule : Object.fromEntries(Object.entries(group).map(([key, inner]) => [key, fit(inner, told, depth + 1)]))
  }
  if (name === 'items' || name === 'additionalProperties') return fit(rule, told, depth + 1)
  return (name === 'anyOf' || name === 'oneOf' || name === 'prefixItems') && Array.isArray(rule) ? rule.map(inner => fit(inner, told, depth + 1)) : rule
}
