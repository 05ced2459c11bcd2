import type { ProviderProfile } from '@headrace/contract'

export const ovhcloud = Object.freeze({
  id: 'ovhcloud',
  name: 'OVHcloud AI Endpoints',
  docs: 'https://help.ovhcloud.com/csm/en-public-cloud-ai-endpoints-getting-started',
  dialect: 'openai-chat',
  baseUrl: 'https://oai.endpoints.kepler.ai.cloud.ovh.net/v1',
  env: Object.freeze(['OVHCLOUD_API_KEY', 'OVH_AI_ENDPOINTS_ACCESS_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'transcriptions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
