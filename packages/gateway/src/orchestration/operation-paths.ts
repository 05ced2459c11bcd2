import type { DialectId, MediaOperation, PathName } from '@headrace/contract'

/** Stands for the model's name. */
const MODEL = '{model}'

const NONE_BESIDE = Object.freeze({ rerank: '', moderation: '', 'image-generation': '', 'image-edit': '', 'image-variation': '', speech: '', transcription: '', translation: '' } as const satisfies Record<MediaOperation | 'rerank' | 'moderation', string>)
const BESIDE = Object.freeze({
  'image-generation': '/images/generations', 'image-edit': '/images/edits', 'image-variation': '/images/variations',
  rerank: '/rerank', moderation: '/moderations', speech: '/audio/speech', transcription: '/audio/transcriptions', translation: '/audio/translations',
} as const satisfies Record<MediaOperation | 'rerank' | 'moderation', string>)

/** Where a dialect's operations live below the base path; '' = it has none such. */
const OPERATION_PATHS = Object.freeze({
  'openai-chat': { chat: '/chat/completions', completion: '/completions', embeddings: '/embeddings', embedding: '', 'count-tokens': '', 'chat-stream': '/chat/completions', 'chat-array': '', ...BESIDE },
  'openai-responses': { chat: '/responses', completion: '', embeddings: '/embeddings', embedding: '', 'count-tokens': '/responses/input_tokens', 'chat-stream': '/responses', 'chat-array': '', ...BESIDE },
  'anthropic-messages': { chat: '/messages', completion: '', embeddings: '', embedding: '', 'count-tokens': '/messages/count_tokens', 'chat-stream': '/messages', 'chat-array': '', ...NONE_BESIDE },
  // Answers to a prompt have another shape there, and a path of their own.
  'ollama-chat': { chat: '/api/chat', completion: '', embeddings: '/api/embed', embedding: '/api/embeddings', 'count-tokens': '', 'chat-stream': '/api/chat', 'chat-array': '/api/generate', ...NONE_BESIDE },
  'google-gemini': {
    chat: `/${MODEL}:generateContent`, completion: '', embeddings: `/${MODEL}:batchEmbedContents`, embedding: `/${MODEL}:embedContent`, 'count-tokens': `/${MODEL}:countTokens`,
    'chat-stream': `/${MODEL}:streamGenerateContent?alt=sse`, 'chat-array': `/${MODEL}:streamGenerateContent`, ...NONE_BESIDE,
  },
} as const satisfies Record<DialectId, Record<PathName, string>>)

/** A model's paths at a provider, below its base path (no slash at its end). `apiVersion`: the model is a deployment of Azure's older surface. */
export function operationPaths(dialect: DialectId, base: string, model: string, apiVersion?: string): Readonly<Record<PathName, string>> {
  const resource = resourceName(model)
  const root = apiVersion === undefined ? base : `${base.replace(/\/v1$/, '')}${dialect === 'openai-chat' ? `/deployments/${encodeURIComponent(model)}` : ''}`
  const query = apiVersion === undefined ? '' : `?api-version=${encodeURIComponent(apiVersion)}`
  const at = (path: string): string => path === '' ? '' : root + path.replace(MODEL, () => resource) + query
  const paths = OPERATION_PATHS[dialect]
  return Object.freeze({
    chat: at(paths.chat), completion: at(paths.completion), embeddings: at(paths.embeddings), embedding: at(paths.embedding), 'count-tokens': at(paths['count-tokens']),
    'chat-stream': at(paths['chat-stream']), 'chat-array': at(paths['chat-array']),
    'image-generation': at(paths['image-generation']), 'image-edit': at(paths['image-edit']), 'image-variation': at(paths['image-variation']),
    rerank: at(paths.rerank), moderation: at(paths.moderation), speech: at(paths.speech), transcription: at(paths.transcription), translation: at(paths.translation),
  })
}

/** Names of Google's resources: `models/` unless the name says otherwise. Slashes part its segments. */
function resourceName(model: string): string {
  const name = /^(?:models|tunedModels)\//.test(model) ? model : `models/${model}`
  return name.split('/').map(encodeURIComponent).join('/')
}
