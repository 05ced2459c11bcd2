import type { Call, FittedFormat, Item, ResponseFormat } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'
import { isStrictSchema } from '../neutral/strict-schema.ts'

/** An answer is an object there: null for any other schema. A schema that leaves members out is not held to strictly, and what comes is checked instead. JSON mode wants its word somewhere in the conversation. */
export function fitFormat(format: ResponseFormat, call: Call): FittedFormat | null {
  if (format.type !== 'schema') return format.type === 'text' || call.items.some(speaksOfJson) ? { format, how: '' } : null
  if (asObject(parseJson(format.schema))?.['type'] !== 'object') return null
  return format.strict !== true || isStrictSchema(format.schema) ? { format, how: '' } : { format: { ...format, strict: false }, how: 'strict: false' }
}

const speaksOfJson = (item: Item): boolean => (item.type === 'message' || item.type === 'tool-result') && item.parts.some(part => part.type === 'text' && /json/i.test(part.text))
