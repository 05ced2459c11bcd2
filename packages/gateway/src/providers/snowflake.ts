import type { ProviderProfile } from '@headrace/contract'

export const snowflake = Object.freeze({
  id: 'snowflake',
  name: 'Snowflake Cortex',
  docs: 'https://docs.snowflake.com/en/user-guide/snowflake-cortex/open_ai_sdk',
  dialect: 'openai-chat',
  baseUrl: 'https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1',
  env: Object.freeze(['SNOWFLAKE_PAT']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'messages', 'embeddings']),
  capabilities: Object.freeze(['tools', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    renames: { max_tokens: 'max_completion_tokens' },
    refusal: { message: ['error.message', 'message'], code: ['code'] },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
