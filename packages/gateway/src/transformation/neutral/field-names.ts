import type { DialectId } from '@headrace/contract'

/** Fields of the neutral form that a target may be unable to take. */
export type NeutralField =
  | 'topK' | 'frequencyPenalty' | 'presencePenalty' | 'seed' | 'stop' | 'choices' | 'temperature' | 'topP' | 'maxTokens' | 'parallelTools' | 'toolChoice' | 'responseFormat' | 'reasoning'
  | 'thoughts' | 'cache' | 'foreignPart' | 'foreignTool' | 'citations' | 'toolError' | 'toolResultMedia' | 'fileSettings' | 'name' | 'imageDetail' | 'systemPosition' | 'refusal' | 'strict' | 'user'

/** What each of them is called in a client's own dialect: reports speak the client's language. */
const FIELD_NAMES = Object.freeze({
  'openai-chat': {
    topK: 'top_k', frequencyPenalty: 'frequency_penalty', presencePenalty: 'presence_penalty', seed: 'seed', stop: 'stop', choices: 'n', temperature: 'temperature', topP: 'top_p',
    maxTokens: 'max_completion_tokens', parallelTools: 'parallel_tool_calls', toolChoice: 'tool_choice', responseFormat: 'response_format', reasoning: 'reasoning_effort',
    thoughts: 'messages[].reasoning_content', cache: 'cache_control', foreignPart: 'messages[].content[]', foreignTool: 'tools[]', citations: 'messages[].annotations',
    toolError: 'messages[].is_error', toolResultMedia: 'messages[].content', fileSettings: 'messages[].content[].file', name: 'messages[].name', imageDetail: 'messages[].content[].image_url.detail',
    systemPosition: 'messages[].role', refusal: 'messages[].refusal', strict: 'tools[].function.strict', user: 'user',
  },
  'anthropic-messages': {
    topK: 'top_k', frequencyPenalty: 'frequency_penalty', presencePenalty: 'presence_penalty', seed: 'seed', stop: 'stop_sequences', choices: 'n', temperature: 'temperature', topP: 'top_p',
    maxTokens: 'max_tokens', parallelTools: 'tool_choice.disable_parallel_tool_use', toolChoice: 'tool_choice', responseFormat: 'output_config.format', reasoning: 'thinking',
    thoughts: 'messages[].content[].thinking', cache: 'cache_control', foreignPart: 'messages[].content[]', foreignTool: 'tools[]', citations: 'messages[].content[].citations',
    toolError: 'messages[].content[].is_error', toolResultMedia: 'messages[].content[].content', fileSettings: 'messages[].content[].document', name: 'name', imageDetail: 'detail',
    systemPosition: 'messages[].role', refusal: 'refusal', strict: 'tools[].strict', user: 'metadata.user_id',
  },
} as const satisfies Record<DialectId, Record<NeutralField, string>>)

export const fieldName = (dialect: DialectId, field: NeutralField): string => FIELD_NAMES[dialect][field]
