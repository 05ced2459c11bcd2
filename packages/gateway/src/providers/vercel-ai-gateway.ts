import type { KnownProvider } from '@headrace/contract'

/** https://vercel.com/docs/ai-gateway/openai-compat */
export const vercelAiGateway = Object.freeze({
  id: 'vercel-ai-gateway',
  dialect: 'openai-chat',
  baseUrl: 'https://ai-gateway.vercel.sh/v1',
  env: Object.freeze(['AI_GATEWAY_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  models: Object.freeze([]),
} as const satisfies KnownProvider)
