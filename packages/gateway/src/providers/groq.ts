import type { ProviderProfile } from '@headrace/contract'

/** 498 = the flex tier has no capacity left. */
export const groq = Object.freeze({
  id: 'groq',
  name: 'Groq',
  docs: 'https://console.groq.com/docs/openai',
  dialect: 'openai-chat',
  baseUrl: 'https://api.groq.com/openai/v1',
  env: Object.freeze(['GROQ_API_KEY']),
  auth: 'bearer',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'responses', 'speech', 'transcriptions', 'translations', 'files', 'batches', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'reasoning', 'images']),
  quirks: Object.freeze({
    refuses: ['logprobs', 'top_logprobs', 'logit_bias'],
    oneChoice: true,
    thoughts: { member: 'reasoning' },
    statuses: { 498: 'upstream-overloaded' },
  } as const),
  models: Object.freeze(['llama-3.3-70b-versatile', 'llama-3.1-8b-instant']),
} as const satisfies ProviderProfile)
