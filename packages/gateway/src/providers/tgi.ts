import type { ProviderProfile } from '@headrace/contract'

/** On this machine; switched on by `providers: {tgi: {}}`. 424 = generation failed, 429 = no room in its queue. */
export const tgi = Object.freeze({
  id: 'tgi',
  name: 'Text Generation Inference',
  docs: 'https://huggingface.co/docs/text-generation-inference/reference/api_reference',
  dialect: 'openai-chat',
  baseUrl: 'http://127.0.0.1:3000/v1',
  env: Object.freeze([]),
  auth: 'none',
  usageOption: true,
  endpoints: Object.freeze(['chat', 'completions', 'models']),
  capabilities: Object.freeze(['tools', 'json-object', 'json-schema', 'images']),
  quirks: Object.freeze({
    oneChoice: true,
    finishReasons: { eos_token: 'stop', stop_sequence: 'stop' },
    refusal: { message: ['error.message', 'error'], code: ['error_type'] },
    statuses: { 424: 'upstream-server-error', 429: 'upstream-overloaded' },
  } as const),
  models: Object.freeze([]),
} as const satisfies ProviderProfile)
