import type { Behaviour } from './behaviour.ts'
import { hashText, seededRandom } from './random.ts'
import { sampleFromSchema } from './sample-from-schema.ts'
import { countTokens, tokenize } from './tokens.ts'

/** What the engine is asked, free of any wire format. */
export interface Prompt {
  /** Each tool result is a turn of its own, with the role `tool`. Media are told in words: `describeMedia`. */
  readonly turns: readonly { readonly role: string, readonly text: string }[]
  readonly tools: readonly { readonly name: string, readonly schema: unknown }[]
  /** `none`, `auto`, `required`, or the name of a tool that must be called. */
  readonly toolChoice: 'none' | 'auto' | 'required' | { readonly name: string }
  /** Several tools may be called in one answer. */
  readonly parallelTools: boolean
  /** Schema that a JSON answer must fit; undefined = plain text. */
  readonly jsonSchema: unknown
  /** Thoughts before the answer are asked for. */
  readonly thinks: boolean
  /** Alternatives to tell of each token, beside its own log probability; null = neither. */
  readonly topLogprobs: number | null
  readonly maxTokens: number
  readonly stop: readonly string[]
  readonly seed: number | null
  readonly choices: number
}

export interface ToolCall { readonly id: string, readonly name: string, readonly argumentPieces: readonly string[] }

export interface Choice {
  /** Tokens of thought, in order; empty unless they were asked for. */
  readonly thoughts: readonly string[]
  /** Text tokens, in order; empty where tools are called. */
  readonly pieces: readonly string[]
  readonly toolCalls: readonly ToolCall[]
  readonly finish: 'stop' | 'length' | 'tool_calls'
  /** The stop sequence that was met; '' = none. */
  readonly stop: string
}

export interface Generation {
  readonly choices: readonly Choice[]
  /** As asked: see `Prompt`. */
  readonly topLogprobs: number | null
  readonly promptTokens: number
}

const TURN_OVERHEAD = 4
const ANY_OBJECT = Object.freeze({ type: 'object', properties: { answer: { type: 'string' } } })
/** Characters of the question that a thought repeats. */
const THOUGHT_CHARS = 40
const WORDS = ('lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua '
  + 'enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat').split(' ')

/** Answers a prompt. The same prompt, model name and seed always give the same answer. */
export function generate(behaviour: Behaviour, prompt: Prompt): Generation {
  const digest = hashText(JSON.stringify(prompt.turns))
  const seed = behaviour.seed ?? prompt.seed ?? digest
  const choices: Choice[] = []
  for (let i = 0; i < prompt.choices; i++) choices.push(choose(behaviour, prompt, seed + i * 7919))
  return { choices, topLogprobs: prompt.topLogprobs, promptTokens: promptTokens(prompt) }
}

/** Tokens of what is asked, by this engine's own count. */
export function promptTokens(prompt: Prompt): number {
  let tokens = 0
  for (const turn of prompt.turns) tokens += TURN_OVERHEAD + countTokens(turn.text)
  return tokens
}

/** Tokens that one choice holds: what usage counts. */
export function choiceTokens(choice: Choice): number {
  return choice.toolCalls.reduce((sum, call) => sum + call.argumentPieces.length, choice.thoughts.length + choice.pieces.length)
}

function choose(behaviour: Behaviour, prompt: Prompt, seed: number): Choice {
  const thoughts = prompt.thinks ? tokenize(`Let me think about this: ${asked(prompt).slice(0, THOUGHT_CHARS)}`) : []
  const tools = wantedTools(prompt)
  if (tools.length > 0) {
    const toolCalls = tools.map((tool, index) => ({
      id: `call_${((seed + index) >>> 0).toString(16).padStart(8, '0')}`, name: tool.name, argumentPieces: tokenize(JSON.stringify(sampleFromSchema(tool.schema))),
    }))
    return { thoughts, pieces: [], toolCalls, finish: 'tool_calls', stop: '' }
  }
  let text = withoutSaid(answerText(behaviour, prompt, seed), prompt)
  let met = ''
  for (const stop of prompt.stop) {
    const at = stop === '' ? -1 : text.indexOf(stop)
    if (at === -1) continue
    text = text.slice(0, at)
    met = stop
  }
  const pieces = tokenize(text)
  const room = Math.max(0, prompt.maxTokens - thoughts.length)
  if (pieces.length <= room) return { thoughts, pieces, toolCalls: [], finish: 'stop', stop: met }
  return { thoughts, pieces: pieces.slice(0, room), toolCalls: [], finish: 'length', stop: '' }
}

/** The tools to call: the forced one, or those that the last user message asks for by name, or the first one where it says "tool". */
function wantedTools(prompt: Prompt): Prompt['tools'] {
  const { tools, toolChoice } = prompt
  if (toolChoice === 'none') return []
  if (typeof toolChoice === 'object') return tools.filter((tool) => tool.name === toolChoice.name).slice(0, 1)
  const last = prompt.turns.at(-1)
  const text = last?.role === 'user' ? last.text : ''
  const named = tools.filter((tool) => text.includes(tool.name))
  if (named.length > 0) return prompt.parallelTools ? named : named.slice(0, 1)
  return toolChoice === 'required' || /\btool\b/i.test(text) ? tools.slice(0, 1) : []
}

/** What came last: the user's words, or what the tools that were called have said. */
function asked(prompt: Prompt): string {
  const { turns } = prompt
  const results = turns.slice(turns.findLastIndex((turn) => turn.role !== 'tool') + 1)
  return results.length > 0 ? results.map((turn) => turn.text).join('\n') : turns.findLast((turn) => turn.role === 'user')?.text ?? ''
}

/** What was asked, and before it all that the user has said, the last words first: no answer begins like the one before. */
function recalled(prompt: Prompt): string {
  const said = prompt.turns.filter((turn) => turn.role === 'user').map((turn) => turn.text).reverse()
  const last = asked(prompt)
  return [...(said[0] === last ? [] : [last]), ...said].join('\n')
}

function answerText(behaviour: Behaviour, prompt: Prompt, seed: number): string {
  const schema = prompt.jsonSchema ?? instructedSchema(prompt)
  if (schema !== undefined) return JSON.stringify(sampleFromSchema(schema))
  return behaviour.base === 'echo' ? begunEcho(prompt) ?? (behaviour.recall ? recalled(prompt) : asked(prompt)) : loremText(behaviour.tokens, seed)
}

/** What an echo was saying when it was broken off: the user's words before an assistant turn that is the beginning of them. */
function begunEcho(prompt: Prompt): string | null {
  const { turns } = prompt
  const at = turns.findLastIndex((turn) => turn.role === 'assistant')
  const said = turns[at]?.text ?? ''
  const words = turns.slice(0, Math.max(0, at)).findLast((turn) => turn.role === 'user')?.text ?? ''
  return said !== '' && isBegun(words, said, prompt) ? words : null
}

/** Goes on with an answer whose beginning stands as the last assistant turn, at the end or before the user asks for the rest. */
function withoutSaid(text: string, prompt: Prompt): string {
  const said = prompt.turns.findLast((turn) => turn.role === 'assistant')?.text ?? ''
  return said !== '' && isBegun(text, said, prompt) ? text.slice(said.length) : text
}

/** All of `text` may have been said: then it was broken off if nobody has spoken since, or the last turn says that it was cut off. */
function isBegun(text: string, said: string, { turns }: Prompt): boolean {
  if (text === said) return turns.at(-1)?.role === 'assistant' || (turns.at(-1)?.text.includes('cut off') ?? false)
  return text.startsWith(said)
}

/** A system turn that wants JSON "and nothing else" is obeyed: by the schema that it ends with, or with any object. */
function instructedSchema(prompt: Prompt): unknown {
  const told = prompt.turns.findLast((turn) => turn.role === 'system' && /\bJSON\b[^]*\bnothing else\b/.test(turn.text))
  if (told === undefined) return undefined
  const start = told.text.indexOf('{')
  try {
    return start === -1 ? ANY_OBJECT : JSON.parse(told.text.slice(start)) as unknown
  } catch {
    return ANY_OBJECT
  }
}

/** A text of exactly `tokens` tokens: words longer than a token are left out. */
function loremText(tokens: number, seed: number): string {
  const random = seededRandom(seed)
  const words: string[] = []
  for (let i = 0; i < tokens; i++) words.push((WORDS[Math.floor(random() * WORDS.length)] ?? 'lorem').slice(0, 8))
  return words.join(' ')
}
