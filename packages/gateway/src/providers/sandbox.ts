import type { KnownProvider } from '@headrace/contract'

/** The built-in simulated engine. The supervisor says where it runs; this address is only where none was said. */
export const sandbox = Object.freeze({
  id: 'sandbox',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:8788/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  models: Object.freeze(['echo']),
} as const satisfies KnownProvider)
