import type { ProviderProfile } from '@headrace/contract'

/** Tells errors under status 200, by a number in `base_resp`. */
export const minimax = Object.freeze({
  id: 'minimax',
  name: 'MiniMax',
  docs: 'https://platform.minimax.io/docs/api-reference/text-openai-api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.minimax.io/v1',
  env: Object.freeze(['MINIMAX_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'speech', 'images', 'videos', 'files']),
  capabilities: Object.freeze(['tools', 'reasoning', 'prompt-caching']),
  quirks: Object.freeze({
    maxTemperature: 1,
    hiddenRefusal: {
      code: 'base_resp.status_code',
      ok: 0,
      message: 'base_resp.status_msg',
      kinds: { 1000: 'upstream-server-error', 1001: 'upstream-server-error', 1002: 'upstream-rate-limited', 1004: 'upstream-auth', 1008: 'upstream-quota', 1026: 'upstream-invalid-request', 1027: 'upstream-invalid-request', 1039: 'upstream-rate-limited', 2013: 'upstream-invalid-request', 2049: 'upstream-auth' },
    },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
