import { failure, gatewayError, type EmbeddingCall, type EmbeddingFormatId, type EmbeddingInput, type EmbeddingPart, type GatewayError, type Result, type TranslationNote } from '@headrace/contract'

/** Fields of an `EmbeddingCall` that a target may be unable to take. */
type EmbeddingField = 'input' | 'dimensions' | 'task' | 'title' | 'truncate' | 'user'

/** What each of them is called by clients: reports speak the client's language. */
const FIELD_NAMES = Object.freeze({
  'openai-embeddings': { input: 'input', dimensions: 'dimensions', task: 'input_type', title: 'title', truncate: 'truncate', user: 'user' },
  'gemini-embed': { input: 'content', dimensions: 'outputDimensionality', task: 'taskType', title: 'title', truncate: 'autoTruncate', user: 'labels' },
  'ollama-embed': { input: 'input', dimensions: 'dimensions', task: 'task', title: 'title', truncate: 'truncate', user: 'user' },
  'cohere-embed': { input: 'texts', dimensions: 'output_dimension', task: 'input_type', title: 'title', truncate: 'truncate', user: 'user' },
  'vertex-predict': { input: 'instances', dimensions: 'outputDimensionality', task: 'task_type', title: 'title', truncate: 'autoTruncate', user: 'labels' },
} as const satisfies Record<EmbeddingFormatId, Record<EmbeddingField, string>>)

const SAID: Readonly<Record<Exclude<EmbeddingField, 'input'>, (call: EmbeddingCall) => boolean>> = Object.freeze({
  dimensions: call => call.dimensions >= 0, task: call => call.task !== null, title: call => call.title !== '', truncate: call => call.truncate !== null, user: call => call.user !== '',
})

/** What is lost where a target's format has none of these. */
export function droppedFields(call: EmbeddingCall, lacks: readonly Exclude<EmbeddingField, 'input'>[]): TranslationNote[] {
  const own = lacks.filter(field => SAID[field](call)).map(field => FIELD_NAMES[call.format][field])
  return [...own, ...call.foreign].map(field => ({ field, loss: 'dropped', how: '' }))
}

export const approximatedField = (call: EmbeddingCall, field: EmbeddingField, how: string): TranslationNote => ({ field: FIELD_NAMES[call.format][field], loss: 'approximated', how })

const refused = (call: EmbeddingCall, message: string): GatewayError => gatewayError('invalid-request', message, { param: FIELD_NAMES[call.format].input })

/** The inputs of a target that takes nothing but text. */
export function textsOf(call: EmbeddingCall): Result<readonly string[]> {
  const texts: string[] = []
  for (const input of call.inputs) {
    const parts = partsOf(call, input)
    if (!parts.ok) return parts
    if (parts.value.some(part => part.type === 'image')) return failure(refused(call, 'The model\'s provider makes embeddings of text only: send no images, or name a model of another provider.'))
    texts.push(parts.value.map(part => part.type === 'text' ? part.text : '').join('\n'))
  }
  return { ok: true, value: texts }
}

/** Errors: tokens are the model's own, and no other can read them. */
export function partsOf(call: EmbeddingCall, input: EmbeddingInput): Result<readonly EmbeddingPart[]> {
  if (input.type === 'text') return { ok: true, value: [input] }
  if (input.type === 'parts') return { ok: true, value: input.parts }
  return failure(refused(call, 'The model\'s provider takes texts, and these are token numbers of another vocabulary: send the texts themselves (LangChain: check_embedding_ctx_length=False).'))
}
