import type { ProviderProfile } from '@headrace/contract'

export const moonshotai = Object.freeze({
  id: 'moonshotai',
  name: 'Moonshot AI',
  docs: 'https://platform.moonshot.ai/docs/api/chat',
  dialect: 'openai-chat',
  baseUrl: 'https://api.moonshot.ai/v1',
  env: Object.freeze(['MOONSHOT_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images', 'prompt-caching']),
  quirks: Object.freeze({
    roles: { developer: 'system' },
    maxTemperature: 1,
    thoughts: { member: 'reasoning_content', returns: true },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
