import type { JsonView } from '@headrace/bytes'
import { InvalidRequest } from '../neutral/field-reader.ts'

const snakeNames = (names: readonly string[]): ReadonlyMap<string, string> => new Map(names.map(name => [name, name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)]))

/** Every member with two spellings that is read anywhere. */
const SNAKE = snakeNames([
  'systemInstruction', 'generationConfig', 'toolConfig', 'generateContentRequest', 'functionDeclarations', 'parametersJsonSchema', 'functionCallingConfig', 'allowedFunctionNames',
  'thinkingConfig', 'thinkingBudget', 'thinkingLevel', 'includeThoughts', 'responseMimeType', 'responseSchema', 'responseJsonSchema', 'stopSequences', 'maxOutputTokens', 'candidateCount',
  'topP', 'topK', 'frequencyPenalty', 'presencePenalty', 'functionCall', 'functionResponse', 'inlineData', 'fileData', 'mimeType', 'fileUri', 'displayName', 'thoughtSignature',
])

/** A member under its JSON name or under the protocol buffer's own (`inlineData`, `inline_data`): Google takes both. */
export function member(view: JsonView, name: string): JsonView {
  const camel = view.get(name)
  return camel.given ? camel : view.get(SNAKE.get(name) ?? name)
}

/** The JSON name of a member that may be spelled either way. */
export const camelName = (name: string): string => name.includes('_') ? name.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase()) : name

/** A number as it was written; JSON of a protocol buffer may write whole numbers as strings. Absent and null = null. */
export function readNumber(view: JsonView, path: string): string | null {
  if (!view.given) return null
  const text = view.kind === 'number' ? view.raw : view.string ?? ''
  if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) throw new InvalidRequest(`"${path}" must be a number.`, path)
  return text
}

/** A whole number from `least` on; absent and null = `least - 1`. */
export function readCount(view: JsonView, path: string, least = 0): number {
  const text = readNumber(view, path)
  if (text === null) return least - 1
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < least) throw new InvalidRequest(`"${path}" must be a whole number.`, path)
  return count
}
