import type { KnownProvider } from '@headrace/contract'

/** https://huggingface.co/docs/inference-providers */
export const huggingface = Object.freeze({
  id: 'huggingface',
  dialect: 'openai-chat',
  baseUrl: 'https://router.huggingface.co/v1',
  env: Object.freeze(['HF_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
