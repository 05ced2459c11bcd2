import type { IncomingHttpHeaders } from 'node:http'
import type { Frame } from './deliver.ts'
import type { Behaviour } from './engine/behaviour.ts'
import type { PrefixCache } from './engine/prefix-cache.ts'
import type { Refusal } from './refusal.ts'

/** A JSON object as it came: read by key, every value unknown. */
export type Body = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a path asks for. `model` is null where the body names it. */
export interface Route { readonly operation: string, readonly model: string | null }

/** A request that is well-formed JSON for a model that exists. */
export interface Asked {
  readonly operation: string
  readonly behaviour: Behaviour
  readonly body: Body
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
  /** Beginnings of prompts that were asked lately. */
  readonly cache: PrefixCache
}

/** A ready answer in a dialect: one JSON text, or frames to stream. `tokens` are those of the answer. */
export type Answer =
  | { readonly kind: 'json', readonly json: string, readonly tokens: number }
  | { readonly kind: 'stream', readonly frames: Iterable<Frame>, readonly contentType?: string }
  | { readonly kind: 'refusal', readonly refusal: Refusal }

/** One wire format of the engine. Pure but for ids, the clock and the cache: it times nothing and plays no faults. */
export interface EngineDialect {
  /** `path` is without its query. Null = no path of this dialect. */
  route(path: string): Route | null
  answer(asked: Asked): Answer
  /** GET requests: lists of models. Null = not asked of this dialect. */
  read(path: string, headers: IncomingHttpHeaders): Answer | null
  refusalBody(refusal: Refusal): string
  /** Its error in the middle of a stream. */
  readonly errorFrame: string
  /** An event that is not JSON. */
  readonly brokenFrame: string
}
