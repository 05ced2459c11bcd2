import type { ProviderProfile } from '@headrace/contract'

export const openai = Object.freeze({
  id: 'openai',
  name: 'OpenAI',
  docs: 'https://platform.openai.com/docs/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://api.openai.com/v1',
  env: Object.freeze(['OPENAI_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'moderations', 'images', 'speech', 'transcriptions', 'translations', 'videos', 'realtime', 'files', 'batches', 'fine-tuning', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio', 'prompt-caching', 'web-search']),
  models: Object.freeze(['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini', 'gpt-4.1-nano', 'o3', 'o4-mini', 'gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'text-embedding-3-small', 'text-embedding-3-large']),
} as const satisfies ProviderProfile)
