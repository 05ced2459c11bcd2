import type { ProviderProfile } from '@headrace/contract'

/** Models are called by the names of their deployments. `api_version` takes to the older surface, `credentials: { entra: ... }` to tokens instead of a key. */
export const azureOpenai = Object.freeze({
  id: 'azure-openai',
  name: 'Azure OpenAI',
  docs: 'https://learn.microsoft.com/en-us/azure/ai-foundry/openai/latest',
  dialect: 'openai-chat',
  baseUrl: 'https://{AZURE_OPENAI_RESOURCE}.openai.azure.com/openai/v1',
  env: Object.freeze(['AZURE_OPENAI_API_KEY']),
  auth: 'api-key',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'completions', 'embeddings', 'images', 'speech', 'transcriptions', 'translations', 'videos', 'realtime', 'files', 'batches', 'fine-tuning', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images', 'documents', 'audio', 'prompt-caching']),
  quirks: Object.freeze({
    // A deployment's name does not tell its model; all of OpenAI's take the newer name.
    renames: { max_tokens: 'max_completion_tokens' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
