import type { ProviderProfile } from '@headrace/contract'

/** The variable is ours: `GITHUB_TOKEN` is set in too many places that do not mean this. */
export const githubModels = Object.freeze({
  id: 'github-models',
  name: 'GitHub Models',
  docs: 'https://docs.github.com/en/rest/models/inference',
  dialect: 'openai-chat',
  baseUrl: 'https://models.github.ai/inference',
  env: Object.freeze(['GITHUB_MODELS_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'embeddings']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
