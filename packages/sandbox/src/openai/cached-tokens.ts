import { extendPrefix, type PrefixCache } from '../engine/prefix-cache.ts'
import type { Prompt } from '../engine/generate.ts'
import { tokenize } from '../engine/tokens.ts'

/** Tokens: shorter prompts are not cached, and longer ones in steps. */
const LEAST_TOKENS = 1_024
const STEP = 128
const TTL = 300_000

/** How many of a prompt's tokens the engine has seen lately at the beginning of another one; null = it is too short. `now`: monotonic milliseconds. */
export function cachedTokens(prompt: Prompt, total: number, model: string, cache: PrefixCache, now: number): number | null {
  if (total < LEAST_TOKENS) return null
  const tokens = prompt.turns.flatMap((turn) => [`<${turn.role}>`, ...tokenize(turn.text)])
  let key = `${model}\0${JSON.stringify(prompt.tools)}`
  let found = 0
  let unbroken = true
  for (let end = STEP; end <= tokens.length; end += STEP) {
    key = extendPrefix(key, tokens.slice(end - STEP, end).join('\0'))
    if (end < LEAST_TOKENS) continue
    unbroken &&= cache.hit(key, now, TTL)
    if (unbroken) found = end
    else cache.put(key, now, TTL)
  }
  return Math.min(found, total)
}
