import type { Capability, FirstTokenClass, PromptCache } from '@headrace/contract'

/**
 * What neither source says, from the vendors' documentation, by model name wherever the model runs: minimum and life of prompt caches, whether an answer can
 * be begun by the client, and what an hour in the cache costs. Checked 2026-11-25.
 */

const SHORT = 300
const HOUR = 3_600

/** The first form that fits decides. Anthropic: "Prompt caching"; OpenAI: "Prompt caching" (the life is 5 to 10 minutes, 30 minutes at least since gpt-5.6); Google: "Context caching". */
const CACHES: readonly { readonly form: RegExp, readonly cache: PromptCache }[] = Object.freeze([
  { form: /claude-(?:opus-5|fable-5|mythos-5)/, cache: { minTokens: 512, ttlSeconds: SHORT, longTtlSeconds: HOUR } },
  { form: /claude-opus-4[-.]7/, cache: { minTokens: 2_048, ttlSeconds: SHORT, longTtlSeconds: HOUR } },
  { form: /claude-(?:opus-4[-.][56]|haiku-4[-.]5)/, cache: { minTokens: 4_096, ttlSeconds: SHORT, longTtlSeconds: HOUR } },
  { form: /claude-(?:3[-.]5-haiku|3-haiku|haiku-3)/, cache: { minTokens: 2_048, ttlSeconds: SHORT, longTtlSeconds: HOUR } },
  { form: /claude-(?:sonnet-[45]|opus-4|3[-.][57]-sonnet|3-opus|sonnet-3|opus-3)/, cache: { minTokens: 1_024, ttlSeconds: SHORT, longTtlSeconds: HOUR } },
  { form: /^(?:openai\/)?(?:gpt-5\.[6-9]|gpt-[6-9])/, cache: { minTokens: 1_024, ttlSeconds: 1_800, longTtlSeconds: 0 } },
  { form: /^(?:openai\/)?(?:gpt-4o|gpt-4\.1|gpt-5|o1|o3|o4)/, cache: { minTokens: 1_024, ttlSeconds: SHORT, longTtlSeconds: 0 } },
  { form: /^(?:google\/)?gemini-2\.5/, cache: { minTokens: 2_048, ttlSeconds: SHORT, longTtlSeconds: 0 } },
  { form: /^(?:google\/)?gemini-3/, cache: { minTokens: 4_096, ttlSeconds: SHORT, longTtlSeconds: 0 } },
])

/** null = not known. */
export function promptCacheOf(model: string): PromptCache | null {
  return CACHES.find(({ form }) => form.test(model.toLowerCase()))?.cache ?? null
}

/** Claude takes the beginning of its answer from the client up to the generation of 4.5, and refuses it from 4.6 on. null = not known. */
export function takesPrefill(model: string): boolean | null {
  const name = model.toLowerCase()
  if (!name.includes('claude')) return /^(?:openai\/)?(?:gpt-|o\d)/.test(name) ? false : null
  const [, major, minor] = /claude-(?:[a-z]+-)?(\d)(?:[-.](\d)(?!\d))?/.exec(name) ?? []
  if (major === undefined) return null
  return Number(major) < 4 || (Number(major) === 4 && Number(minor ?? 0) < 6)
}

/** Anthropic: what is kept for an hour costs twice the input. */
export function longWriteFactor(model: string): number | null {
  return model.toLowerCase().includes('claude') ? 2 : null
}

/** Small models by their names. */
const SMALL = /(?:^|[-_./:])(?:flash|mini|nano|lite|haiku|instant|small|tiny|micro|fast|turbo|luna|highspeed|[1-9]b|1[0-4]b)(?:$|[-_./:])/

export function firstTokenOf(model: string, alwaysThinks: boolean): FirstTokenClass {
  return alwaysThinks ? 'reasoning' : SMALL.test(model.toLowerCase()) ? 'fast' : 'normal'
}

/** Unix seconds of the date in a name; 0 = there is none. */
export function releasedOf(names: readonly string[]): number {
  for (const name of names) {
    const [, year, month, day] = /(?:^|[-@])(20[2-4]\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])(?:$|[-@:])/.exec(name) ?? []
    if (year !== undefined && month !== undefined && day !== undefined) return Date.UTC(Number(year), Number(month) - 1, Number(day)) / 1_000
  }
  return 0
}

/** In the order of the table, `undefined` = not known. */
export function capabilities(known: Readonly<Partial<Record<Capability, boolean | null>>>): Readonly<Partial<Record<Capability, boolean>>> {
  return Object.fromEntries(Object.entries(known).filter((entry): entry is [Capability, boolean] => typeof entry[1] === 'boolean'))
}
