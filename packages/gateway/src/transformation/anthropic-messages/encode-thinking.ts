import type { Writable } from '@headrace/bytes'
import type { Call, ModelFacts } from '@headrace/contract'
import { estimateCall } from '../neutral/estimate-tokens.ts'
import type { Notes } from '../neutral/notes.ts'

/** Messages demands `max_tokens`. Every model since 2024 writes as much: for those that the catalogue does not know. */
const DEFAULT_MAX_TOKENS = 8_192
/** An answer in one piece must come within ten minutes: Anthropic's SDKs refuse to wait for more tokens than this without a stream. */
const MOST_UNSTREAMED = 21_333
/** Input is estimated; so much of the estimate is set aside. Newer models refuse input and `max_tokens` that are together more than their window. */
const MARGIN = 1.3
/** The least that may be thought, tokens. */
const LEAST_BUDGET = 1_024
/** Tokens of thought by effort. The figures are ours: vendors name none. */
const BUDGETS: ReadonlyMap<string, number> = new Map([['minimal', 1_024], ['low', 2_048], ['medium', 8_192], ['high', 16_384], ['xhigh', 32_768], ['max', 32_768]])
const MEDIUM_BUDGET = 8_192

export interface EncodedThinking {
  readonly on: boolean
  readonly value: Writable
  /** `output_config.effort`; '' = none. */
  readonly effort: string
  /** Thoughts count as output: the limit leaves room for both. -1 = not said. */
  readonly maxTokens: number
}

/** What a client that sets no limit gets: all that the model can write. */
export function defaultMaxTokens(call: Call, facts: ModelFacts | null): number {
  const most = mostOutput(call, facts)
  if (most < 0) return DEFAULT_MAX_TOKENS
  return call.stream ? most : Math.min(most, MOST_UNSTREAMED)
}

/** Tokens that the model can write beside this input; -1 = nobody knows. Never less than the usual default, as far as the model can: then the provider decides. */
function mostOutput(call: Call, facts: ModelFacts | null): number {
  if (facts === null || facts.maxOutput < 0) return -1
  const { contextWindow, maxOutput } = facts
  if (contextWindow < 0 || maxOutput <= DEFAULT_MAX_TOKENS) return maxOutput
  return Math.min(maxOutput, Math.max(DEFAULT_MAX_TOKENS, contextWindow - Math.ceil(estimateCall(call) * MARGIN)))
}

/** How much to think, in Anthropic's terms: tokens that must be fewer than `max_tokens`. `mayThink`: see `EncodedItems`. */
export function encodeThinking(call: Call, mayThink: boolean, facts: ModelFacts | null, notes: Notes): EncodedThinking {
  const { reasoning, maxTokens, dialect } = call
  const off = { on: false, value: undefined, effort: '', maxTokens }
  if (reasoning === null) return off
  if (dialect === 'anthropic-messages') return encodeOwn(call)
  if (!reasoning.enabled) return off
  const forced = call.toolChoice?.mode === 'required' || call.toolChoice?.mode === 'one'
  const wanted = reasoning.budgetTokens >= 0 ? reasoning.budgetTokens : BUDGETS.get(reasoning.effort) ?? MEDIUM_BUDGET
  const known = maxTokens >= 0 ? maxTokens : mostOutput(call, facts)
  const most = known < 0 ? Infinity : known
  const budget = Math.min(wanted, Math.floor(most / 2))
  if (forced || budget < LEAST_BUDGET || !mayThink) {
    notes.drop('reasoning')
    return off
  }
  notes.approximate('reasoning', `thinking.budget_tokens ${budget}`)
  return { on: true, value: { type: 'enabled', budget_tokens: budget }, effort: '', maxTokens: maxTokens < 0 ? Math.max(Math.min(DEFAULT_MAX_TOKENS + budget, most), defaultMaxTokens(call, facts)) : maxTokens }
}

function encodeOwn({ reasoning, maxTokens }: Call): EncodedThinking {
  if (reasoning === null) return { on: false, value: undefined, effort: '', maxTokens }
  if (!reasoning.enabled) return { on: false, value: { type: 'disabled' }, effort: reasoning.effort, maxTokens }
  if (reasoning.budgetTokens >= 0) return { on: true, value: { type: 'enabled', budget_tokens: reasoning.budgetTokens }, effort: reasoning.effort, maxTokens }
  return { on: true, value: reasoning.effort === '' ? { type: 'adaptive' } : undefined, effort: reasoning.effort, maxTokens }
}
