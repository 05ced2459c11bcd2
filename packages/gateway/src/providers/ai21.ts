import type { ProviderProfile } from '@headrace/contract'

/** Usage stands on the last chunk without being asked for. */
export const ai21 = Object.freeze({
  id: 'ai21',
  name: 'AI21 Labs',
  docs: 'https://docs.ai21.com/reference/jamba-1-6-api-ref',
  dialect: 'openai-chat',
  baseUrl: 'https://api.ai21.com/studio/v1',
  env: Object.freeze(['AI21_API_KEY']),
  auth: 'bearer',
  usageOption: false,
  endpoints: Object.freeze(['chat', 'files', 'models']),
  capabilities: Object.freeze(['tools', 'json-object']),
  quirks: Object.freeze({
    refuses: ['stream_options'],
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'detail.0.msg', 'detail'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
