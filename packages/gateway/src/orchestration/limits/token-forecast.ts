import { estimateTokens } from '@headrace/bytes'
import type { Exchange } from '@headrace/contract'

/** Bytes of a body that are estimated: some slices of it stand for the whole. The estimate costs about 7 us per KB. */
const SAMPLE = 1_024
const SLICES = 4
/** Weight of the newest call in what is learned. */
const WEIGHT = 0.1
/** Models remembered; beyond it everything is learned anew. */
const MAX_MODELS = 1_000
/** No call has more tokens than this: whatever a client or a provider writes is cut to it. */
export const MOST_TOKENS = 1e9

/** Bytes to the client per output token of a model that nothing is known of. */
const STREAM_BYTES = 200
const JSON_BYTES = 8

/** What was learned of one model's calls. */
class ModelForecast {
  /** Counted input tokens per estimated one. */
  correction = 1
  /** Output tokens: mean and mean deviation. */
  output = 256
  deviation = 256
  /** Bytes to the client per output token, as a stream and as JSON (whole bodies, their framing included). */
  streamBytes = STREAM_BYTES
  jsonBytes = JSON_BYTES
}

/**
 * Foresees the tokens of a call for its reservation, and learns per model (exponentially weighted) from what providers count.
 * For reservations only: what is charged in the end is what the provider counted, where it said.
 */
export class TokenForecast {
  #models = new Map<string, ModelForecast>()

  /** Input tokens of a request body, before correction. Whole, >= 1. */
  static estimate(body: Buffer): number {
    if (body.length <= SAMPLE) return Math.max(1, estimateTokens(body.utf8Slice()))
    const slice = SAMPLE / SLICES
    const stride = Math.floor((body.length - slice) / (SLICES - 1))
    let tokens = 0
    for (let at = 0; at < SLICES; at++) tokens += estimateTokens(body.utf8Slice(at * stride, at * stride + slice))
    return Math.max(1, Math.ceil(tokens * body.length / SAMPLE))
  }

  input(model: string, estimate: number): number {
    const known = this.#models.get(model)
    return tokenCount(known === undefined ? estimate : estimate * known.correction)
  }

  /** What the call may well write: the usual and a margin, at most what the client allows. `most` < 0 = it did not say. Whole, >= 1. */
  output(model: string, most: number): number {
    const known = this.#models.get(model)
    const usual = known === undefined ? 512 : Math.ceil(known.output + 2 * known.deviation)
    return tokenCount(most >= 0 ? Math.min(most, usual) : usual)
  }

  /** Output tokens of an answer whose usage nobody told, by its bytes. */
  outputOf(model: string, bytes: number, stream: boolean): number {
    if (bytes <= 0) return 0
    return tokenCount(bytes / this.bytesOf(model, 1, stream))
  }

  /** Bytes that an answer of so many output tokens has, about. */
  bytesOf(model: string, tokens: number, stream: boolean): number {
    const known = this.#models.get(model)
    return tokens * (known === undefined ? stream ? STREAM_BYTES : JSON_BYTES : stream ? known.streamBytes : known.jsonBytes)
  }

  learn(x: Exchange, model: string, estimate: number): void {
    const { inputTokens, outputTokens } = x.usage
    let known = this.#models.get(model)
    if (known === undefined) {
      if (this.#models.size >= MAX_MODELS) this.#models = new Map()
      this.#models.set(model, known = new ModelForecast())
    }
    if (inputTokens > 0 && inputTokens < MOST_TOKENS && estimate > 0) known.correction = blend(known.correction, clamp(inputTokens / estimate, 0.05, 20))
    if (!(outputTokens > 0 && outputTokens < MOST_TOKENS)) return
    known.deviation = blend(known.deviation, Math.abs(outputTokens - known.output))
    known.output = blend(known.output, outputTokens)
    const perToken = clamp(x.responseBytes / outputTokens, 1, 4_096)
    if (x.stream) known.streamBytes = blend(known.streamBytes, perToken)
    else known.jsonBytes = blend(known.jsonBytes, perToken)
  }
}

const blend = (old: number, fresh: number): number => old + (fresh - old) * WEIGHT
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))

/** A count that arithmetic survives: whole, 1 .. `MOST_TOKENS`, whatever came in (NaN and negative: 1). */
export function tokenCount(value: number): number {
  return value >= 1 ? Math.min(MOST_TOKENS, Math.ceil(value)) : 1
}
