import type { DialectId } from '@headrace/contract'

/** Fields of the neutral form that a target may be unable to take. */
export type NeutralField =
  | 'topK' | 'frequencyPenalty' | 'presencePenalty' | 'seed' | 'stop' | 'choices' | 'temperature' | 'topP' | 'maxTokens' | 'parallelTools' | 'toolChoice' | 'responseFormat' | 'reasoning'
  | 'thoughts' | 'cache' | 'foreignPart' | 'foreignTool' | 'citations' | 'toolError' | 'toolResultMedia' | 'fileSettings' | 'name' | 'imageDetail' | 'systemPosition' | 'refusal' | 'strict' | 'user'
  | 'foreignItem' | 'customTool' | 'reasoningSummary'

/** What each of them is called in a client's own dialect: reports speak the client's language. */
const FIELD_NAMES = Object.freeze({
  'openai-chat': {
    topK: 'top_k', frequencyPenalty: 'frequency_penalty', presencePenalty: 'presence_penalty', seed: 'seed', stop: 'stop', choices: 'n', temperature: 'temperature', topP: 'top_p',
    maxTokens: 'max_completion_tokens', parallelTools: 'parallel_tool_calls', toolChoice: 'tool_choice', responseFormat: 'response_format', reasoning: 'reasoning_effort',
    thoughts: 'messages[].reasoning_content', cache: 'cache_control', foreignPart: 'messages[].content[]', foreignTool: 'tools[]', citations: 'messages[].annotations',
    toolError: 'messages[].is_error', toolResultMedia: 'messages[].content', fileSettings: 'messages[].content[].file', name: 'messages[].name', imageDetail: 'messages[].content[].image_url.detail',
    systemPosition: 'messages[].role', refusal: 'messages[].refusal', strict: 'tools[].function.strict', user: 'user', foreignItem: 'messages[]', customTool: 'tools[].custom', reasoningSummary: 'reasoning_summary',
  },
  'openai-responses': {
    topK: 'top_k', frequencyPenalty: 'frequency_penalty', presencePenalty: 'presence_penalty', seed: 'seed', stop: 'stop', choices: 'n', temperature: 'temperature', topP: 'top_p',
    maxTokens: 'max_output_tokens', parallelTools: 'parallel_tool_calls', toolChoice: 'tool_choice', responseFormat: 'text.format', reasoning: 'reasoning.effort',
    thoughts: 'input[].encrypted_content', cache: 'prompt_cache_breakpoint', foreignPart: 'input[].content[]', foreignTool: 'tools[]', citations: 'input[].content[].annotations',
    toolError: 'input[].status', toolResultMedia: 'input[].output', fileSettings: 'input[].content[].input_file', name: 'input[].name', imageDetail: 'input[].content[].detail',
    systemPosition: 'input[].role', refusal: 'input[].content[].refusal', strict: 'tools[].strict', user: 'user', foreignItem: 'input[]', customTool: 'tools[].format', reasoningSummary: 'reasoning.summary',
  },
  'anthropic-messages': {
    topK: 'top_k', frequencyPenalty: 'frequency_penalty', presencePenalty: 'presence_penalty', seed: 'seed', stop: 'stop_sequences', choices: 'n', temperature: 'temperature', topP: 'top_p',
    maxTokens: 'max_tokens', parallelTools: 'tool_choice.disable_parallel_tool_use', toolChoice: 'tool_choice', responseFormat: 'output_config.format', reasoning: 'thinking',
    thoughts: 'messages[].content[].thinking', cache: 'cache_control', foreignPart: 'messages[].content[]', foreignTool: 'tools[]', citations: 'messages[].content[].citations',
    toolError: 'messages[].content[].is_error', toolResultMedia: 'messages[].content[].content', fileSettings: 'messages[].content[].document', name: 'name', imageDetail: 'detail',
    systemPosition: 'messages[].role', refusal: 'refusal', strict: 'tools[].strict', user: 'metadata.user_id', foreignItem: 'messages[]', customTool: 'tools[]', reasoningSummary: 'thinking.display',
  },
  'google-gemini': {
    topK: 'generationConfig.topK', frequencyPenalty: 'generationConfig.frequencyPenalty', presencePenalty: 'generationConfig.presencePenalty', seed: 'generationConfig.seed',
    stop: 'generationConfig.stopSequences', choices: 'generationConfig.candidateCount', temperature: 'generationConfig.temperature', topP: 'generationConfig.topP',
    maxTokens: 'generationConfig.maxOutputTokens', parallelTools: 'parallel_tool_calls', toolChoice: 'toolConfig.functionCallingConfig', responseFormat: 'generationConfig.responseJsonSchema',
    reasoning: 'generationConfig.thinkingConfig', thoughts: 'contents[].parts[].thought', cache: 'cachedContent', foreignPart: 'contents[].parts[]', foreignTool: 'tools[]',
    citations: 'contents[].parts[].citationMetadata', toolError: 'contents[].parts[].functionResponse.response.error', toolResultMedia: 'contents[].parts[].functionResponse.parts',
    fileSettings: 'contents[].parts[].fileData', name: 'name', imageDetail: 'contents[].parts[].mediaResolution', systemPosition: 'contents[].role', refusal: 'refusal', strict: 'toolConfig.functionCallingConfig.mode', user: 'labels',
    foreignItem: 'contents[].parts[]', customTool: 'tools[]', reasoningSummary: 'generationConfig.thinkingConfig.includeThoughts',
  },
  'ollama-chat': {
    topK: 'options.top_k', frequencyPenalty: 'options.frequency_penalty', presencePenalty: 'options.presence_penalty', seed: 'options.seed', stop: 'options.stop', choices: 'n',
    temperature: 'options.temperature', topP: 'options.top_p', maxTokens: 'options.num_predict', parallelTools: 'parallel_tool_calls', toolChoice: 'tool_choice', responseFormat: 'format', reasoning: 'think',
    thoughts: 'messages[].thinking', cache: 'cache_control', foreignPart: 'messages[].content', foreignTool: 'tools[]', citations: 'messages[].citations', toolError: 'messages[].is_error',
    toolResultMedia: 'messages[].images', fileSettings: 'messages[].files', name: 'messages[].name', imageDetail: 'messages[].images', systemPosition: 'messages[].role', refusal: 'messages[].content',
    strict: 'tools[].function.strict', user: 'user', foreignItem: 'messages[]', customTool: 'tools[]', reasoningSummary: 'think',
  },
} as const satisfies Record<DialectId, Record<NeutralField, string>>)

/** What a client calls the field that stands in a target's request under this name; null = it has none. */
export function clientFieldName(client: DialectId, target: DialectId, member: string): string | null {
  if (client === target) return member
  const fields = Object.keys(FIELD_NAMES[target]) as NeutralField[] // keys of a Record<NeutralField, ...>
  const field = fields.find(one => FIELD_NAMES[target][one] === member)
  return field === undefined ? null : FIELD_NAMES[client][field]
}

export const fieldName = (dialect: DialectId, field: NeutralField): string => FIELD_NAMES[dialect][field]
