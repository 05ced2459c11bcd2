import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: keys of the two sites are not the same. */
export const moonshotaiCn = Object.freeze({
  id: 'moonshotai-cn',
  name: 'Moonshot AI (China)',
  docs: 'https://platform.moonshot.cn/docs/api/chat',
  dialect: 'openai-chat',
  baseUrl: 'https://api.moonshot.cn/v1',
  env: Object.freeze(['MOONSHOT_CN_API_KEY']),
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
