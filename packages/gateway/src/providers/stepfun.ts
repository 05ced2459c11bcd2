import type { ProviderProfile } from '@headrace/contract'

export const stepfun = Object.freeze({
  id: 'stepfun',
  name: 'StepFun',
  docs: 'https://platform.stepfun.com/docs/api-reference/chat/chat-completion-create',
  dialect: 'openai-chat',
  baseUrl: 'https://api.stepfun.com/v1',
  env: Object.freeze(['STEPFUN_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'images', 'speech', 'transcriptions', 'files', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'reasoning', 'images']),
  quirks: Object.freeze({
    roles: { developer: 'system' },
    thoughts: { member: 'reasoning' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
