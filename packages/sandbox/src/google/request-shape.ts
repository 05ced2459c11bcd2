import { anything, flag, list, number, object, oneOf, optional, record, text, type Fields, type Shape } from '../strict/shape.ts'

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/
const FUNCTION_NAME = /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/

/** A whole number; JSON of a protocol buffer may write it as a string. */
export const count = (least: number, most: number): Shape => (value, path) => {
  const told = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
  if (typeof told === 'number' && Number.isInteger(told) && told >= least && told <= most) return null
  return { path, kind: 'value', message: `must be a whole number from ${least} to ${most}` }
}

const inlineData = object({ mimeType: text(3, 255, /^[\w.+-]+\/[\w.+-]+/), data: text(1, Infinity, BASE64), displayName: optional(text()) })
const fileData = object({ mimeType: optional(text(3, 255)), fileUri: text(1), displayName: optional(text()) })

/** Members of a part. One of those that hold something, and only one. */
export const PART = {
  text: optional(text()), thought: optional(flag), thoughtSignature: optional(text(1, Infinity, BASE64)), inlineData: optional(inlineData), fileData: optional(fileData),
  functionCall: optional(object({ id: optional(text(1)), name: text(1, 128, FUNCTION_NAME), args: optional(record) })),
  functionResponse: optional(object({
    id: optional(text(1)), name: text(1, 128, FUNCTION_NAME), response: record, parts: optional(list(object({ inlineData: optional(inlineData), fileData: optional(fileData) }))), willContinue: optional(flag),
    scheduling: optional(text()),
  })),
  executableCode: optional(object({ id: optional(text()), language: oneOf('PYTHON'), code: text() })), codeExecutionResult: optional(object({ id: optional(text()), outcome: text(), output: optional(text()) })),
  toolCall: optional(record), toolResponse: optional(record), audioTranscription: optional(record), videoMetadata: optional(record), mediaResolution: optional(record), partMetadata: optional(record),
  mediaProcessing: optional(record), speechMetadata: optional(record),
} as const satisfies Fields

export const CONTENT = { role: optional(text()), parts: list(object(PART), 1) } as const satisfies Fields
const content = object(CONTENT)

export const FUNCTION = {
  name: text(1, 128, FUNCTION_NAME), description: optional(text()), parameters: optional(record), parametersJsonSchema: optional(record), response: optional(record), responseJsonSchema: optional(anything),
  behavior: optional(oneOf('BLOCKING', 'NON_BLOCKING', 'UNSPECIFIED')),
} as const satisfies Fields

export const TOOL = {
  functionDeclarations: optional(list(object(FUNCTION), 0, 512)), googleSearch: optional(record), googleSearchRetrieval: optional(record), codeExecution: optional(record), urlContext: optional(record),
  computerUse: optional(record), fileSearch: optional(record), googleMaps: optional(record), mcpServers: optional(list(record)),
} as const satisfies Fields

export const THINKING = {
  includeThoughts: optional(flag), thinkingBudget: optional(count(-1, 32_768)), thinkingLevel: optional(text(1, 40, /^(?:thinking_level_unspecified|minimal|low|medium|high)$/i)),
} as const satisfies Fields

export const GENERATION = {
  candidateCount: optional(count(1, 8)), stopSequences: optional(list(text(1), 0, 5)), maxOutputTokens: optional(count(1, 1_000_000)), temperature: optional(number(0, 2)), topP: optional(number(0, 1)),
  topK: optional(number(0, 1_000)), seed: optional(count(-2_147_483_648, 2_147_483_647)), presencePenalty: optional(number(-2, 2)), frequencyPenalty: optional(number(-2, 2)),
  responseLogprobs: optional(flag), logprobs: optional(count(0, 20)), responseMimeType: optional(oneOf('text/plain', 'application/json', 'text/x.enum')), responseSchema: optional(record),
  responseJsonSchema: optional(anything), responseModalities: optional(list(text())), mediaResolution: optional(text()), speechConfig: optional(record), thinkingConfig: optional(object(THINKING)),
  enableEnhancedCivicAnswers: optional(flag), enableAffectiveDialog: optional(flag), imageConfig: optional(record), responseFormat: optional(anything), translationConfig: optional(record),
  audioTranscriptionConfig: optional(record),
} as const satisfies Fields

export const CALLING = { mode: optional(text(1, 40, /^(?:mode_unspecified|auto|any|none|validated)$/i)), allowedFunctionNames: optional(list(text(1))) } as const satisfies Fields

/** Members of a request for generated content. */
export const REQUEST = {
  model: optional(text(1)), contents: list(content, 1), systemInstruction: optional(content), tools: optional(list(object(TOOL))),
  toolConfig: optional(object({ functionCallingConfig: optional(object(CALLING)), retrievalConfig: optional(record), includeServerSideToolInvocations: optional(flag) })),
  safetySettings: optional(list(object({ category: text(1), threshold: text(1), method: optional(text()) }))), generationConfig: optional(object(GENERATION)), cachedContent: optional(text(1)),
  serviceTier: optional(text(1)), store: optional(flag), labels: optional(record), continuationToken: optional(text()),
} as const satisfies Fields

/** Members of a question for tokens. */
export const COUNT = { contents: optional(list(content, 1)), generateContentRequest: optional(object(REQUEST)) } as const satisfies Fields
