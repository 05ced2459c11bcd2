import type { KnownProvider } from '@headrace/contract'

/** Sends usage on the last chunk unasked and refuses parameters it does not know: https://docs.mistral.ai/api */
export const mistral = Object.freeze({
  id: 'mistral',
  dialect: 'openai-chat',
  baseUrl: 'https://api.mistral.ai/v1',
  env: Object.freeze(['MISTRAL_API_KEY']),
  auth: 'bearer',
  usageOption: false,
  models: Object.freeze(['mistral-large-latest', 'mistral-small-latest', 'codestral-latest', 'mistral-embed']),
} as const satisfies KnownProvider)
