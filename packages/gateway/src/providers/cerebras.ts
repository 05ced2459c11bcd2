import type { KnownProvider } from '@headrace/contract'

/** https://inference-docs.cerebras.ai */
export const cerebras = Object.freeze({
  id: 'cerebras',
  dialect: 'openai-chat',
  baseUrl: 'https://api.cerebras.ai/v1',
  env: Object.freeze(['CEREBRAS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze(['llama3.1-8b', 'llama-3.3-70b']),
} as const satisfies KnownProvider)
