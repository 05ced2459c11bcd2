import type { FittedFormat, ResponseFormat } from '@headrace/contract'
import { asObject, parseJson } from '../relay/json-value.ts'
import { isStrictSchema } from '../neutral/strict-schema.ts'

/** An answer is an object there: null for any other schema. A schema that leaves members out is not held to strictly, and what comes is checked instead. */
export function fitFormat(format: ResponseFormat): FittedFormat | null {
  if (format.type !== 'schema') return { format, how: '' }
  if (asObject(parseJson(format.schema))?.['type'] !== 'object') return null
  return format.strict !== true || isStrictSchema(format.schema) ? { format, how: '' } : { format: { ...format, strict: false }, how: 'strict: false' }
}
