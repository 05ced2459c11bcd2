import type { KnownProvider } from '@headrace/contract'

/** https://docs.api.nvidia.com/nim/reference/llm-apis */
export const nvidia = Object.freeze({
  id: 'nvidia',
  dialect: 'openai-chat',
  baseUrl: 'https://integrate.api.nvidia.com/v1',
  env: Object.freeze(['NVIDIA_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
