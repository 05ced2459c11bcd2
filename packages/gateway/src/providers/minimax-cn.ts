import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: keys of the two sites are not the same. */
export const minimaxCn = Object.freeze({
  id: 'minimax-cn',
  name: 'MiniMax (China)',
  docs: 'https://platform.minimaxi.com/docs/api-reference/text-openai-api',
  dialect: 'openai-chat',
  baseUrl: 'https://api.minimaxi.com/v1',
  env: Object.freeze(['MINIMAX_CN_API_KEY']),
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
