import type { KnownProvider } from '@headrace/contract'

/** Its model names are paths (`accounts/fireworks/models/...`): https://docs.fireworks.ai */
export const fireworks = Object.freeze({
  id: 'fireworks',
  dialect: 'openai-chat',
  baseUrl: 'https://api.fireworks.ai/inference/v1',
  env: Object.freeze(['FIREWORKS_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
