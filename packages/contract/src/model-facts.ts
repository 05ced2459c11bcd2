import type { Price } from './money.ts'

/** What goes into a model or comes out of it. */
export const MODALITIES = Object.freeze(['text', 'image', 'audio', 'video', 'document'] as const)
export type Modality = typeof MODALITIES[number]

/**
 * What a model can do. `schema`: output that is held to a JSON Schema; `prefill`: an answer that the client begins; `caching`: a prompt's beginning
 * is kept by the provider and read at a lower price.
 */
export const CAPABILITIES = Object.freeze(['tools', 'schema', 'prefill', 'reasoning', 'caching'] as const)
export type Capability = typeof CAPABILITIES[number]

/** How long the first token takes, roughly: `reasoning` models think first and cannot be told not to. */
export const FIRST_TOKEN_CLASSES = Object.freeze(['fast', 'normal', 'reasoning'] as const)
export type FirstTokenClass = typeof FIRST_TOKEN_CLASSES[number]

/** A provider's prompt cache. */
export interface PromptCache {
  /** A shorter prompt is not kept, tokens. */
  readonly minTokens: number
  /** How long it is kept after its last use, seconds: usually, and at most where one can ask (and pay) for more; 0 = one cannot. */
  readonly ttlSeconds: number
  readonly longTtlSeconds: number
}

/** What the catalogue knows of one model at one provider. */
export interface ModelFacts {
  readonly provider: string
  /** The provider's own name for it, and others under which the same model answers. */
  readonly model: string
  readonly aliases: readonly string[]
  /** For people. */
  readonly name: string
  /** Tokens, input and output together; -1 = not known. */
  readonly contextWindow: number
  /** Tokens of one answer at most; -1 = not known. */
  readonly maxOutput: number
  readonly input: readonly Modality[]
  readonly output: readonly Modality[]
  /** Left out = not known. */
  readonly capabilities: Readonly<Partial<Record<Capability, boolean>>>
  /** null = not known. */
  readonly cache: PromptCache | null
  readonly firstToken: FirstTokenClass
  /** Unix seconds; 0 = not known. */
  readonly released: number
  /** null = not known, which is not the same as free. */
  readonly price: Price | null
}
