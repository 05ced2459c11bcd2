/**
 * The health of targets and credentials: what workers tell the authority, and what it decides for all of them. Plain data throughout.
 *
 *   in --fails--> out --cooldown over--> due --token to one worker--> probing --answered--> in
 *                  ^------------------------------------- failed ------'
 */

/**
 * Whose standing it is. `target`: the provider's model (`provider/model`), whichever credential it is called with; `credential`: one credential
 * at all of its provider's models; `pair`: one credential at one model, which is what providers limit rates by.
 */
export type SubjectKind = 'target' | 'credential' | 'pair'

export interface SubjectName {
  readonly kind: SubjectKind
  /** `provider/model`; '' for a credential. */
  readonly target: string
  /** Credential id; '' for a target, or where the provider wants none. */
  readonly credential: string
}

/** Identity of a subject over workers and reloads. */
export const subjectKey = ({ kind, target, credential }: SubjectName): string => `${kind}\n${target}\n${credential}`

/** Why a subject is out. */
export type OutReason = 'failing' | 'error-rate' | 'hung' | 'slow' | 'unauthorized' | 'forbidden' | 'quota' | 'rate-limited' | 'overloaded'

/** What a worker tells of one subject: everything since its last word. */
export interface SubjectNews {
  readonly subject: SubjectName
  /** The state that the worker knew when the attempts counted here began: what belongs to an older one says nothing about the present. */
  readonly turn: number
  /** Attempts that the target answered, and that it failed; `streak`: failures since the last answer. */
  readonly answered: number
  readonly failed: number
  readonly streak: number
  /** Times to the first byte, ms: of streams, and of answers in one piece. A sample, at most 32 each. */
  readonly streamMs: readonly number[]
  readonly jsonMs: readonly number[]
  readonly inFlight: number
  /** Attempts wait far longer than usual and nothing answers. */
  readonly hung: boolean
  /** It is to rest now, ms; `hard`: the provider said until when, so nothing is sent before. */
  readonly rest: { readonly reason: OutReason, readonly ms: number, readonly hard: boolean } | null
  /** A request would have gone there: whoever has one may get the token for the probe. */
  readonly wish: boolean
  readonly probe: 'began' | 'answered' | 'failed' | 'returned' | null
  /** How long those waited whose clients, or whose time limits, gave up before the first byte, ms. A sample, at most 32 each. */
  readonly leftStreamMs: readonly number[]
  readonly leftJsonMs: readonly number[]
}

/** What is decided of one subject. */
export interface SubjectState {
  readonly subject: SubjectName
  /** Counts up with every change of `out`. */
  readonly turn: number
  readonly out: OutReason | null
  /** Until it is tried again, ms from now; 0 = a probe is due or under way. */
  readonly forMs: number
  /** Nothing is sent before: else, where everything is out, the best is tried. */
  readonly hard: boolean
  /** This worker may send the one probe. */
  readonly token: boolean
  /** Time to first byte, ms, over all workers: of streams, else of answers in one piece; 0 = not known yet. */
  readonly p50: number
  readonly p95: number
  /** The p95 of each kind of answer alone; 0 = not known yet. */
  readonly streamP95: number
  readonly jsonP95: number
  /** Attempts at the same time that this worker may have there; 0 = as many as come. */
  readonly concurrency: number
}

/** Worker to authority, in order, lossless. The first one, without news, asks for everything that is out. */
export interface TargetsToAuthority { readonly type: 'targets', readonly news: readonly SubjectNews[] }

/** Authority to worker, in order, lossless. */
export interface TargetsToWorker {
  readonly type: 'targets'
  /** Workers that share what is divided, such as the retry budget. */
  readonly workers: number
  readonly states: readonly SubjectState[]
}

/** One subject as people see it. Times are Unix ms. */
export interface SubjectView {
  readonly kind: SubjectKind
  readonly target: string
  readonly credential: string
  readonly state: 'in' | 'out' | 'probing'
  readonly reason: OutReason | null
  /** Of the present state. */
  readonly since: number
  /** When it is tried again; 0 = it is in, or a probe is due. */
  readonly until: number
  /** Over the last 30 s. */
  readonly answered: number
  readonly failed: number
  readonly p50: number
  readonly p95: number
  readonly inFlight: number
  /** Attempts at the same time that are allowed by the target's own latency; 0 = not held back. */
  readonly concurrency: number
}
