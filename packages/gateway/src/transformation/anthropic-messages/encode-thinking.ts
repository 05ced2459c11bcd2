import type { Writable } from '@headrace/bytes'
import type { Call } from '@headrace/contract'
import type { Notes } from '../neutral/notes.ts'

/** Messages demands `max_tokens`. Every model since 2024 writes as much. */
export const DEFAULT_MAX_TOKENS = 8_192
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

/** How much to think, in Anthropic's terms: tokens that must be fewer than `max_tokens`. `mayThink`: see `EncodedItems`. */
export function encodeThinking(call: Call, mayThink: boolean, notes: Notes): EncodedThinking {
  const { reasoning, maxTokens, dialect } = call
  const off = { on: false, value: undefined, effort: '', maxTokens }
  if (reasoning === null) return off
  if (dialect === 'anthropic-messages') return encodeOwn(call)
  if (!reasoning.enabled) return off
  const forced = call.toolChoice?.mode === 'required' || call.toolChoice?.mode === 'one'
  const wanted = reasoning.budgetTokens >= 0 ? reasoning.budgetTokens : BUDGETS.get(reasoning.effort) ?? MEDIUM_BUDGET
  const budget = maxTokens < 0 ? wanted : Math.min(wanted, Math.floor(maxTokens / 2))
  if (forced || budget < LEAST_BUDGET || !mayThink) {
    notes.drop('reasoning')
    return off
  }
  notes.approximate('reasoning', `thinking.budget_tokens ${budget}`)
  return { on: true, value: { type: 'enabled', budget_tokens: budget }, effort: '', maxTokens: maxTokens < 0 ? DEFAULT_MAX_TOKENS + budget : maxTokens }
}

function encodeOwn({ reasoning, maxTokens }: Call): EncodedThinking {
  if (reasoning === null) return { on: false, value: undefined, effort: '', maxTokens }
  if (!reasoning.enabled) return { on: false, value: { type: 'disabled' }, effort: reasoning.effort, maxTokens }
  if (reasoning.budgetTokens >= 0) return { on: true, value: { type: 'enabled', budget_tokens: reasoning.budgetTokens }, effort: reasoning.effort, maxTokens }
  return { on: true, value: reasoning.effort === '' ? { type: 'adaptive' } : undefined, effort: reasoning.effort, maxTokens }
}
