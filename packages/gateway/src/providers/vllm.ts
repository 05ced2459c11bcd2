import type { KnownProvider } from '@headrace/contract'

/** On this machine; switched on by `providers: {vllm: {}}`: https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html */
export const vllm = Object.freeze({
  id: 'vllm',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8000/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
