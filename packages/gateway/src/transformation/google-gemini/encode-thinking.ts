import type { Writable } from '@headrace/bytes'
import type { Call, ReasoningRequest } from '@headrace/contract'
import type { Notes } from '../neutral/notes.ts'
import { isThirdGeneration } from './generation.ts'

/** Tokens of thought by effort: what Google's own Chat Completions have for it (https://ai.google.dev/gemini-api/docs/openai). */
const BUDGETS: ReadonlyMap<string, number> = new Map([['minimal', 1_024], ['low', 1_024], ['medium', 8_192], ['high', 24_576], ['xhigh', 24_576], ['max', 24_576]])
/** The most that may be thought, tokens: of the large models, and of all others. */
const MOST_PRO = 32_768
const MOST = 24_576
/** The least that a large model thinks. */
const LEAST_PRO = 128
const LEVELS: ReadonlyMap<string, string> = new Map([['minimal', 'minimal'], ['low', 'low'], ['medium', 'medium'], ['high', 'high'], ['xhigh', 'high'], ['max', 'high']])

/** How much to think, in Google's terms: a level from the third generation on, a budget before. */
export function encodeThinking({ reasoning, dialect }: Call, model: string, notes: Notes): Writable {
  if (reasoning === null) return undefined
  const { enabled, effort, budgetTokens } = reasoning
  const own = dialect === 'google-gemini'
  const includeThoughts = own ? reasoning.summary === undefined ? undefined : true : enabled ? true : undefined
  if (own) return { includeThoughts, thinkingBudget: ownBudget(reasoning), thinkingLevel: effort === '' ? undefined : effort }
  const large = /pro(?:$|-)/.test(model)
  if (!enabled) return encodeOff(isThirdGeneration(model), large, notes)
  if (budgetTokens >= 0) {
    const most = large ? MOST_PRO : MOST
    if (budgetTokens > most) notes.approximate('reasoning', `thinkingBudget ${most}`)
    return { includeThoughts, thinkingBudget: Math.min(budgetTokens, most) }
  }
  if (effort === '') return { includeThoughts }
  if (isThirdGeneration(model)) {
    const level = LEVELS.get(effort) ?? 'medium'
    if (level !== effort) notes.approximate('reasoning', `thinkingLevel ${level}`)
    return { includeThoughts, thinkingLevel: level }
  }
  const budget = BUDGETS.get(effort) ?? 8_192
  notes.approximate('reasoning', `thinkingBudget ${budget}`)
  return { includeThoughts, thinkingBudget: budget }
}

/** Who always thinks is told to do as little of it as may be. */
function encodeOff(third: boolean, large: boolean, notes: Notes): Writable {
  if (!third && !large) return { thinkingBudget: 0 }
  notes.approximate('reasoning', third ? 'thinkingLevel low' : `thinkingBudget ${LEAST_PRO}`)
  return third ? { thinkingLevel: 'low' } : { thinkingBudget: LEAST_PRO }
}

/** -1 = as much as the model likes: what is left to say where nothing else is said. */
function ownBudget({ enabled, effort, budgetTokens, summary }: ReasoningRequest): number | undefined {
  if (!enabled) return 0
  return budgetTokens < 0 && (effort !== '' || summary !== undefined) ? undefined : budgetTokens
}
