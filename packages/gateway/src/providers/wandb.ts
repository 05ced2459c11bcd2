import type { ProviderProfile } from '@headrace/contract'

export const wandb = Object.freeze({
  id: 'wandb',
  name: 'Weights & Biases Inference',
  docs: 'https://docs.wandb.ai/inference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.inference.wandb.ai/v1',
  env: Object.freeze(['WANDB_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning']),
  quirks: Object.freeze({
    thoughts: { member: 'reasoning_content' },
    refusal: { message: ['error.message', 'message'], code: ['error.type', 'type'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
