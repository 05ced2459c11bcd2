import type { KnownProvider } from '@headrace/contract'

/** On this machine; switched on by `providers: {lmstudio: {}}`: https://lmstudio.ai/docs/app/api/endpoints/openai */
export const lmstudio = Object.freeze({
  id: 'lmstudio',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:1234/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
