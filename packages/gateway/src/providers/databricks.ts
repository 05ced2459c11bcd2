import type { ProviderProfile } from '@headrace/contract'

export const databricks = Object.freeze({
  id: 'databricks',
  name: 'Databricks',
  docs: 'https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference',
  dialect: 'openai-chat',
  baseUrl: 'https://{DATABRICKS_HOST}/serving-endpoints',
  env: Object.freeze(['DATABRICKS_TOKEN']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'embeddings', 'responses']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_completion_tokens: 'max_tokens' },
    refusal: { message: ['error.message', 'message'], code: ['error_code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
