import { isObject, type Body } from '../dialect.ts'
import { describeMedia } from '../engine/describe-media.ts'
import type { Prompt } from '../engine/generate.ts'
import { thinksNow } from './check-conversation.ts'
import { blocksOf } from './messages-body.ts'

/** The prompt of a request that has been checked. */
export function readPrompt(body: Body): Prompt {
  const turns: { role: string, text: string }[] = []
  if (body['system'] !== undefined) turns.push({ role: 'system', text: textOf(blocksOf(body['system'])) })
  for (const { role, content } of body['messages'] as readonly Body[]) {
    const blocks = blocksOf(content)
    for (const result of blocks) if (result['type'] === 'tool_result') turns.push({ role: 'tool', text: textOf(blocksOf(result['content'] ?? '')) })
    const rest = blocks.filter((block) => block['type'] !== 'tool_result')
    if (rest.length > 0) turns.push({ role: String(role), text: textOf(rest) })
  }
  const choice = body['tool_choice']
  const format = isObject(body['output_config']) ? body['output_config']['format'] : null
  return {
    turns,
    tools: ((body['tools'] ?? []) as readonly Body[]).map((tool) => ({ name: String(tool['name']), schema: tool['input_schema'] })),
    toolChoice: readToolChoice(choice),
    parallelTools: !isObject(choice) || choice['disable_parallel_tool_use'] !== true,
    jsonSchema: isObject(format) ? format['schema'] : undefined,
    thinks: thinksNow(body),
    topLogprobs: null,
    maxTokens: Number(body['max_tokens'] ?? Infinity),
    stop: (body['stop_sequences'] ?? []) as readonly string[],
    seed: null,
    choices: 1,
  }
}

function readToolChoice(choice: unknown): Prompt['toolChoice'] {
  if (!isObject(choice)) return 'auto'
  switch (choice['type']) {
    case 'any': return 'required'
    case 'none': return 'none'
    case 'tool': return { name: String(choice['name']) }
    default: return 'auto'
  }
}

const textOf = (blocks: readonly Body[]): string => blocks.map(blockText).join('')

function blockText(block: Body): string {
  const source = block['source']
  if (isObject(source)) {
    if (typeof source['url'] === 'string') return describeMedia({ url: source['url'] })
    if (source['type'] === 'text') return String(source['data'])
    return source['type'] === 'base64' ? describeMedia({ mediaType: String(source['media_type']), base64: String(source['data']) }) : ''
  }
  return typeof block['text'] === 'string' ? block['text'] : ''
}
