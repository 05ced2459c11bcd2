import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: Heroku calls it `INFERENCE_KEY`, which could be anybody's. Elsewhere than in the US, write `base_url`. */
export const heroku = Object.freeze({
  id: 'heroku',
  name: 'Heroku Managed Inference',
  docs: 'https://devcenter.heroku.com/articles/heroku-inference-api-v1-chat-completions',
  dialect: 'openai-chat',
  baseUrl: 'https://us.inference.heroku.com/v1',
  env: Object.freeze(['HEROKU_INFERENCE_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'messages', 'embeddings', 'rerank', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
