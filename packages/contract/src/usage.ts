/**
 * Tokens of one call, as the provider counted them. -1 = the provider did not say.
 * `inputTokens` includes cached and cache-write tokens (OpenAI's arithmetic); `outputTokens` includes reasoning.
 * Field names follow the OpenTelemetry GenAI conventions (`gen_ai.usage.*`).
 */
export interface Usage {
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly reasoningTokens: number
  /** Of what was written to the cache, what is kept for longer (an hour). Left out = the provider did not say, as with the next two. */
  readonly longCacheWriteTokens?: number
  /** Sound, of the input and of the output. */
  readonly audioInputTokens?: number
  readonly audioOutputTokens?: number
}

export const UNKNOWN_USAGE: Usage = Object.freeze({
  inputTokens: -1, outputTokens: -1, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1,
})
