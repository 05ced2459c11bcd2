import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {docker-model-runner: {}}`. */
export const dockerModelRunner = Object.freeze({
  id: 'docker-model-runner',
  name: 'Docker Model Runner',
  docs: 'https://docs.docker.com/ai/model-runner/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:12434/engines/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'error'], code: ['error.type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
