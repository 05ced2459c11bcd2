import type { Behaviour } from './behaviour.ts'
import { hashText, seededRandom } from './random.ts'
import { sampleFromSchema } from './sample-from-schema.ts'
import { countTokens, tokenize } from './tokens.ts'

/** What the engine is asked, free of any wire format. */
export interface Prompt {
  readonly turns: readonly { readonly role: string, readonly text: string }[]
  readonly tools: readonly { readonly name: string, readonly schema: unknown }[]
  /** `none`, `auto`, `required`, or the name of a tool that must be called. */
  readonly toolChoice: 'none' | 'auto' | 'required' | { readonly name: string }
  /** Schema that a JSON answer must fit; undefined = plain text. */
  readonly jsonSchema: unknown
  readonly maxTokens: number
  readonly stop: readonly string[]
  readonly seed: number | null
  readonly choices: number
}

export interface Choice {
  /** Text tokens, in order; empty for a tool call. */
  readonly pieces: readonly string[]
  readonly toolCall: { readonly id: string, readonly name: string, readonly argumentPieces: readonly string[] } | null
  readonly finish: 'stop' | 'length' | 'tool_calls'
}

export interface Generation {
  readonly choices: readonly Choice[]
  readonly promptTokens: number
}

const TURN_OVERHEAD = 4
const WORDS = ('lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna aliqua '
  + 'enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat').split(' ')

/** Answers a prompt. The same prompt, model name and seed always give the same answer. */
export function generate(behaviour: Behaviour, prompt: Prompt): Generation {
  const digest = hashText(JSON.stringify(prompt.turns))
  const seed = behaviour.seed ?? prompt.seed ?? digest
  const choices: Choice[] = []
  for (let i = 0; i < prompt.choices; i++) choices.push(choose(behaviour, prompt, seed + i * 7919))
  let promptTokens = 0
  for (const turn of prompt.turns) promptTokens += TURN_OVERHEAD + countTokens(turn.text)
  return { choices, promptTokens }
}

/** Tokens that one choice holds: what usage counts. */
export function choiceTokens(choice: Choice): number {
  return choice.pieces.length + (choice.toolCall === null ? 0 : choice.toolCall.argumentPieces.length)
}

function choose(behaviour: Behaviour, prompt: Prompt, seed: number): Choice {
  const tool = wantedTool(prompt)
  if (tool !== null) {
    const argumentPieces = tokenize(JSON.stringify(sampleFromSchema(tool.schema)))
    const id = `call_${(seed >>> 0).toString(16).padStart(8, '0')}`
    return { pieces: [], toolCall: { id, name: tool.name, argumentPieces }, finish: 'tool_calls' }
  }
  let text = answerText(behaviour, prompt, seed)
  for (const stop of prompt.stop) {
    const at = stop === '' ? -1 : text.indexOf(stop)
    if (at !== -1) text = text.slice(0, at)
  }
  const pieces = tokenize(text)
  if (pieces.length <= prompt.maxTokens) return { pieces, toolCall: null, finish: 'stop' }
  return { pieces: pieces.slice(0, prompt.maxTokens), toolCall: null, finish: 'length' }
}

/** The tool to call: the forced one, or the one that the last user message asks for by name or with the word "tool". */
function wantedTool(prompt: Prompt): Prompt['tools'][number] | null {
  const { tools, toolChoice } = prompt
  const first = tools[0]
  if (first === undefined || toolChoice === 'none') return null
  if (typeof toolChoice === 'object') return tools.find((tool) => tool.name === toolChoice.name) ?? null
  if (toolChoice === 'required') return first
  const last = prompt.turns.at(-1)
  if (last === undefined || last.role !== 'user') return null
  const named = tools.find((tool) => last.text.includes(tool.name))
  return named ?? (/\btool\b/i.test(last.text) ? first : null)
}

function answerText(behaviour: Behaviour, prompt: Prompt, seed: number): string {
  if (prompt.jsonSchema !== undefined) return JSON.stringify(sampleFromSchema(prompt.jsonSchema))
  if (behaviour.base === 'echo') return prompt.turns.findLast((turn) => turn.role === 'user')?.text ?? ''
  return loremText(behaviour.tokens, seed)
}

/** A text of exactly `tokens` tokens: words longer than a token are left out. */
function loremText(tokens: number, seed: number): string {
  const random = seededRandom(seed)
  const words: string[] = []
  for (let i = 0; i < tokens; i++) words.push((WORDS[Math.floor(random() * WORDS.length)] ?? 'lorem').slice(0, 8))
  return words.join(' ')
}
