import type { ProviderProfile } from '@headrace/contract'

export const digitalocean = Object.freeze({
  id: 'digitalocean',
  name: 'DigitalOcean Gradient',
  docs: 'https://docs.digitalocean.com/products/gradient-ai-platform',
  dialect: 'openai-chat',
  baseUrl: 'https://inference.do-ai.run/v1',
  env: Object.freeze(['DIGITALOCEAN_INFERENCE_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'images', 'speech', 'models']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
