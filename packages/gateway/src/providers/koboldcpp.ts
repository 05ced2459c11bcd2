import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {koboldcpp: {}}`. */
export const koboldcpp = Object.freeze({
  id: 'koboldcpp',
  name: 'KoboldCpp',
  docs: 'https://github.com/LostRuins/koboldcpp/wiki',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:5001/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'transcriptions', 'speech', 'images', 'models']),
  capabilities: Object.freeze(['tools', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    oneChoice: true,
    refusal: { message: ['error.message', 'detail.msg', 'detail'], code: ['detail.type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
