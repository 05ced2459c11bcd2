import type { ProviderProfile } from '@headrace/contract'

export const cloudflare = Object.freeze({
  id: 'cloudflare',
  name: 'Cloudflare Workers AI',
  docs: 'https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cloudflare.com/client/v4/accounts/{CLOUDFLARE_ACCOUNT_ID}/ai/v1',
  env: Object.freeze(['CLOUDFLARE_API_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'embeddings']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['errors.0.message', 'error.message'], code: ['errors.0.code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
