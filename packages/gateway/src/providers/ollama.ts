import type { KnownProvider } from '@headrace/contract'

/** On this machine; switched on by `providers: {ollama: {}}`: https://docs.ollama.com/openai */
export const ollama = Object.freeze({
  id: 'ollama',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:11434/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
