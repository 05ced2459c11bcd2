import type { ErrorKind } from './errors.ts'

/** A finish reason of the dialect for one of a provider's own. `error`: the provider broke off there, and the answer is no whole one. */
export type FinishMeaning = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'error'

/** Where a provider's refusals hold their words: paths of members and list indexes parted by points (`detail.0.msg`), of which the first that is there counts. */
export interface RefusalShape {
  readonly message: readonly string[]
  readonly code?: readonly string[]
  readonly param?: readonly string[]
}

/** Errors that come with status 200: the member that holds a number other than `ok`, and what its values mean. */
export interface HiddenRefusal { readonly code: string, readonly ok: number, readonly message: string, readonly kinds: Readonly<Record<string, ErrorKind>> }

/**
 * What a provider does otherwise than the dialect that it speaks says. Plain data that travels with its targets; whatever is left out is as the dialect
 * says. Applied to requests as they leave (the fast lane's by splicing) and to answers as they come back. Names are members of the provider's own body.
 */
export interface ProviderQuirks {
  /** Members of a chat request that it refuses or has no use for: they do not leave, and the client is told. */
  readonly refuses?: readonly string[]
  /** Members that it is told of elsewhere (the model in the path): they do not leave, and nothing is lost with them. */
  readonly elsewhere?: readonly string[]
  /** Members that it demands beside those of the dialect, over the client's own. */
  readonly demands?: Readonly<Record<string, string>>
  /** Members that it knows under another name. */
  readonly renames?: Readonly<Record<string, string>>
  /** Roles of messages that it does not know, and what goes in their place. */
  readonly roles?: Readonly<Record<string, string>>
  /** `temperature` above it is refused there: it goes as this. */
  readonly maxTemperature?: number
  /** It gives one answer: a request for several (`n`) cannot go there. */
  readonly oneChoice?: boolean
  /** What ids of tool calls look like there, as a pattern (anchored), and how long the ones are that stand in for others. */
  readonly toolCallIds?: { readonly pattern: string, readonly length: number }
  /** The member of a message in which it tells thoughts; `returns`: it wants them back with the tool calls that they led to. */
  readonly thoughts?: { readonly member: 'reasoning_content' | 'reasoning', readonly returns?: boolean }
  /** Finish reasons of its own. */
  readonly finishReasons?: Readonly<Record<string, FinishMeaning>>
  /** Left out = `error.message`, `error.code`, `error.param`. */
  readonly refusal?: RefusalShape
  readonly hiddenRefusal?: HiddenRefusal
  /** Statuses that mean something else there than elsewhere. */
  readonly statuses?: Readonly<Record<number, ErrorKind>>
  /** Headers that say what is left of its limits, where they are not `x-ratelimit-*-requests` and `-tokens`; lower case. */
  readonly quota?: Readonly<Partial<Record<'requests' | 'tokens', { readonly limit: string, readonly remaining: string, readonly reset: string }>>>
}
