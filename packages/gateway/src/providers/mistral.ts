import type { ProviderProfile } from '@headrace/contract'

/** Sends usage on the last chunk unasked and refuses parameters and ids of calls that are not as it knows them. */
export const mistral = Object.freeze({
  id: 'mistral',
  name: 'Mistral AI',
  docs: 'https://docs.mistral.ai/api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.mistral.ai/v1',
  env: Object.freeze(['MISTRAL_API_KEY']),
  auth: 'bearer',
  usageOption: false,
  endpoints: Object.freeze(['chat', 'embeddings', 'moderations', 'transcriptions', 'files', 'batches', 'fine-tuning', 'ocr', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio']),
  quirks: Object.freeze({
    refuses: ['stream_options', 'user', 'logit_bias', 'logprobs', 'top_logprobs', 'store', 'metadata', 'service_tier'],
    renames: { max_completion_tokens: 'max_tokens', seed: 'random_seed' },
    roles: { developer: 'system' },
    toolCallIds: { pattern: '^[A-Za-z0-9]{9}$', length: 9 },
    finishReasons: { model_length: 'length', error: 'error' },
    refusal: { message: ['message.detail.0.msg', 'message', 'detail.0.msg'], code: ['code', 'type'] },
    quota: {
      requests: { limit: 'x-ratelimit-limit-req-minute', remaining: 'x-ratelimit-remaining-req-minute', reset: 'x-ratelimit-reset-req-minute' },
      tokens: { limit: 'x-ratelimit-limit-tokens-minute', remaining: 'x-ratelimit-remaining-tokens-minute', reset: 'x-ratelimit-reset-tokens-minute' },
    },
  } as const),
  models: Object.freeze(['mistral-large-latest', 'mistral-small-latest', 'codestral-latest', 'mistral-embed']),
} as const satisfies ProviderProfile)
