/**
 * Pacing: what providers say of their own limits (`x-ratelimit-*`, `anthropic-ratelimit-*`), and how workers keep just under them together.
 * Plain data; messages cross process boundaries.
 *
 *   free --less than half is left--> paced: every attempt asks first --four fifths are left--> free
 */

/** What a provider limits one credential at one model by. `tokens` = input + output. */
export type QuotaResource = 'requests' | 'tokens' | 'input-tokens' | 'output-tokens'

/** Running totals of what was granted for one pair. */
export interface QuotaUse { readonly requests: number, readonly input: number, readonly output: number }

/** One limit, as an answer's head told it. */
export interface QuotaSighting {
  readonly resource: QuotaResource
  /** Units of the whole limit. */
  readonly limit: number
  readonly remaining: number
  /** Until everything is there again, ms; -1 = not told. */
  readonly resetMs: number
}

/** Whose limits: `provider/model` and the credential's id ('' = none is needed). */
interface OfPair { readonly target: string, readonly credential: string }

/** Answers' heads were read. `ageMs`: since its request was sent; `mark`: the totals up to and with that request, null = it did not ask. */
export interface PaceSeen extends OfPair { readonly op: 'seen', readonly sightings: readonly QuotaSighting[], readonly ageMs: number, readonly mark: QuotaUse | null }
/** The provider refused (429): nothing before `waitMs`, 0 = it did not say. */
export interface PaceRefused extends OfPair { readonly op: 'refused', readonly waitMs: number }
/** A request waits. `id`: the worker's number for it; tokens as it is expected to use them. */
export interface PaceAsk extends OfPair { readonly op: 'ask', readonly id: number, readonly input: number, readonly output: number }
/** What was granted is not used. */
export interface PaceReturn extends OfPair { readonly op: 'return', readonly input: number, readonly output: number }

/** Worker to authority, in order, lossless. */
export interface PaceToAuthority { readonly type: 'pace', readonly ops: readonly (PaceSeen | PaceRefused | PaceAsk | PaceReturn)[] }

/** From now on requests of the pair must ask, or need not. */
export interface PaceSwitch extends OfPair { readonly op: 'pace', readonly paced: boolean }
/** Answers an ask, in its time. `gapMs`: as long as the limit takes to give so much again. */
export interface PaceGrant { readonly op: 'grant', readonly id: number, readonly mark: QuotaUse, readonly gapMs: number }

/** Authority to worker, in order, lossless. */
export interface PaceToWorker { readonly type: 'pace', readonly ops: readonly (PaceSwitch | PaceGrant)[] }
