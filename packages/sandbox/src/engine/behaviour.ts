/** What the name of a model asks the engine to do. Times are milliseconds; null = not asked for. */
export interface Behaviour {
  /** The model name as given; faults with `times` and `for` count per name. */
  readonly name: string
  readonly base: 'echo' | 'lorem' | 'embed' | 'fault'
  /** Tokens of a text answer. */
  readonly tokens: number
  /** Time to first token, and between tokens. */
  readonly ttft: number
  readonly gap: number
  /** Calls of this name that it works on at a time; 0 = all. */
  readonly capacity: number
  readonly seed: number | null
  readonly dimensions: number
  /** Thoughts leave sealed, in dialects that know such. */
  readonly redacted: boolean
  /** Fields that the vendor does not know are ignored, as self-hosted engines do. */
  readonly lenient: boolean
  /** An echo of all that the user has said, not of the last words alone. */
  readonly recall: boolean
  /** Requests and tokens per minute that it takes, per name; 0 = any number. They refill continuously, or all at once each minute. */
  readonly rpm: number
  readonly tpm: number
  readonly fixedWindow: boolean
  readonly fault: Fault
}

/** Fault modes, freely combined. All false / null / 0 = a healthy engine. */
export interface Fault {
  /** Faulty for the first `times` calls (0 = always) or for `forMs` after the first call, then healthy. */
  readonly times: number
  readonly forMs: number
  /** Percent of the calls that are faulty, at random; the rest is healthy. */
  readonly share: number
  readonly status: number
  readonly retryAfter: number | null
  /** How it is said: in seconds, as a date, in `retry-after-ms`, or in words that nobody can read. */
  readonly retryForm: 'seconds' | 'date' | 'ms' | 'words'
  readonly reset: 'before-head' | 'mid' | null
  readonly hang: 'accept' | 'head' | 'mid' | null
  /** Tokens sent before a mid-stream fault strikes. */
  readonly after: number
  /** The head is sent at once, the first token after this. */
  readonly firstToken: number
  /** Silence in the middle, then it goes on. */
  readonly stall: number
  /** The n-th event (from 1) is preceded by one that is not JSON. */
  readonly badJson: number
  readonly noDone: boolean
  readonly contextLength: boolean
  readonly contentPolicy: boolean
  readonly html: boolean
  /** An error under status 200. */
  readonly errorBody: boolean
  readonly errorEvent: boolean
  readonly closeMidEvent: boolean
  /** The stream ends with clean framing but without finish, usage or terminator. */
  readonly cut: boolean
  /** Milliseconds between single bytes; 0 = whole writes. */
  readonly trickle: number
  /** Refuses a conversation that ends in an assistant message. */
  readonly noPrefill: boolean
}

export const HEALTHY: Fault = Object.freeze({
  times: 0, forMs: 0, share: 100, status: 0, retryAfter: null, retryForm: 'seconds', reset: null, hang: null, after: 20, firstToken: 0, stall: 0, badJson: 0,
  noDone: false, contextLength: false, contentPolicy: false, html: false, errorBody: false, errorEvent: false, closeMidEvent: false, cut: false,
  trickle: 0, noPrefill: false,
})

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
interface Draft { readonly behaviour: Mutable<Omit<Behaviour, 'fault'>>, readonly fault: Mutable<Fault> }
/** Takes the text after `=` ('' where there was none) and returns what was expected instead, or null when it took it. */
type Parameter = (text: string, draft: Draft) => string | null

const MAX_DURATION_MS = 600_000

function integer(text: string, least: number, most: number): number | null {
  if (!/^\d{1,9}$/.test(text)) return null
  const value = Number(text)
  return value >= least && value <= most ? value : null
}

function duration(text: string): number | null {
  const match = /^(\d+(?:\.\d{1,3})?)(ms|s)?$/.exec(text)
  if (match === null) return null
  const ms = Number(match[1]) * (match[2] === 's' ? 1000 : 1)
  return ms <= MAX_DURATION_MS ? ms : null
}

const whole = (least: number, most: number, set: (draft: Draft, value: number) => void): Parameter => (text, draft) => {
  const value = integer(text, least, most)
  if (value === null) return `a whole number from ${least} to ${most}`
  set(draft, value)
  return null
}
const time = (set: (draft: Draft, ms: number) => void): Parameter => (text, draft) => {
  const ms = duration(text)
  if (ms === null) return 'a duration such as 200ms or 2s, at most 600s'
  set(draft, ms)
  return null
}
const flag = (set: (draft: Draft) => void): Parameter => (text, draft) => {
  if (text !== '') return 'no value'
  set(draft)
  return null
}
const oneOf = <T extends string>(words: readonly T[], set: (draft: Draft, word: T) => void): Parameter => (text, draft) => {
  const word = words.find((candidate) => candidate === text)
  if (word === undefined) return words.join(' or ')
  set(draft, word)
  return null
}

const PARAMETERS: Readonly<Record<string, Parameter>> = Object.freeze({
  tokens: whole(1, 100_000, (d, n) => { d.behaviour.tokens = n }),
  ttft: time((d, ms) => { d.behaviour.ttft = ms }),
  gap: time((d, ms) => { d.behaviour.gap = ms }),
  rpm: whole(1, 100_000_000, (d, n) => { d.behaviour.rpm = n }),
  tpm: whole(1, 100_000_000, (d, n) => { d.behaviour.tpm = n }),
  fixed_window: flag((d) => { d.behaviour.fixedWindow = true }),
  capacity: whole(1, 100_000, (d, n) => { d.behaviour.capacity = n }),
  seed: whole(0, 999_999_999, (d, n) => { d.behaviour.seed = n }),
  dims: whole(1, 4096, (d, n) => { d.behaviour.dimensions = n }),
  lenient: flag((d) => { d.behaviour.lenient = true }),
  recall: flag((d) => { d.behaviour.recall = true }),
  redacted: flag((d) => { d.behaviour.redacted = true }),
  id: (text) => /^[\w.-]{1,64}$/.test(text) ? null : '1 to 64 letters, digits, dots, dashes or underscores',
  times: whole(1, 1_000_000, (d, n) => { d.fault.times = n }),
  for: time((d, ms) => { d.fault.forMs = ms }),
  share: whole(1, 100, (d, n) => { d.fault.share = n }),
  status: whole(200, 599, (d, n) => { d.fault.status = n }),
  retry_after: whole(0, 86_400, (d, n) => { d.fault.retryAfter = n }),
  retry_form: oneOf(['seconds', 'date', 'ms', 'words'], (d, word) => { d.fault.retryForm = word }),
  reset: oneOf(['before-head', 'mid'], (d, word) => { d.fault.reset = word }),
  hang: oneOf(['accept', 'head', 'mid'], (d, word) => { d.fault.hang = word }),
  after: whole(0, 100_000, (d, n) => { d.fault.after = n }),
  first_token: time((d, ms) => { d.fault.firstToken = ms }),
  stall: time((d, ms) => { d.fault.stall = ms }),
  bad_json: whole(1, 100_000, (d, n) => { d.fault.badJson = n }),
  no_done: flag((d) => { d.fault.noDone = true }),
  context_length: flag((d) => { d.fault.contextLength = true }),
  content_policy: flag((d) => { d.fault.contentPolicy = true }),
  html: flag((d) => { d.fault.html = true }),
  error_body: flag((d) => { d.fault.errorBody = true }),
  error_event: flag((d) => { d.fault.errorEvent = true }),
  close_mid_event: flag((d) => { d.fault.closeMidEvent = true }),
  cut: flag((d) => { d.fault.cut = true }),
  trickle: (text, d) => {
    const ms = text === '' ? 1 : duration(text)
    if (ms === null || ms === 0) return 'nothing, or a duration such as 5ms'
    d.fault.trickle = ms
    return null
  },
  no_prefill: flag((d) => { d.fault.noPrefill = true }),
})

const BASES = ['echo', 'lorem', 'embed', 'fault'] as const

export type ParsedBehaviour =
  | { readonly ok: true, readonly behaviour: Behaviour }
  | { readonly ok: false, readonly unknownModel: boolean, readonly message: string }

/**
 * Reads `base[:name[=value],...]`. Strict: an unknown parameter, a bad value or a repeated one is refused with what was expected.
 * `condition`: parameters of the engine as a whole, which go before the model's own.
 */
export function parseBehaviour(name: string, condition = ''): ParsedBehaviour {
  const colon = name.indexOf(':')
  const baseName = colon === -1 ? name : name.slice(0, colon)
  const base = BASES.find((candidate) => candidate === baseName)
  if (base === undefined || name.length > 512) {
    return { ok: false, unknownModel: true, message: `The sandbox has no model '${baseName.slice(0, 64)}'; it has ${BASES.join(', ')}.` }
  }
  const draft: Draft = {
    behaviour: { name, base, tokens: 60, ttft: 0, gap: 0, capacity: 0, seed: null, dimensions: 256, redacted: false, lenient: false, recall: false, rpm: 0, tpm: 0, fixedWindow: false },
    fault: { ...HEALTHY },
  }
  const problem = (colon === -1 ? null : applyParameters(name.slice(colon + 1), draft)) ?? (condition === '' ? null : applyParameters(condition, draft))
  if (problem !== null) return { ok: false, unknownModel: false, message: `Model '${name}': ${problem}` }
  const { fault } = draft
  if (fault.status !== 0 && fault.status < 400 && !fault.html) {
    return { ok: false, unknownModel: false, message: `Model '${name}': status below 400 is a fault only together with html.` }
  }
  return { ok: true, behaviour: Object.freeze({ ...draft.behaviour, fault: Object.freeze({ ...fault }) }) }
}

function applyParameters(text: string, draft: Draft): string | null {
  const seen = new Set<string>()
  for (const part of text.split(',')) {
    const problem = applyParameter(part, seen, draft)
    if (problem !== null) return problem
  }
  return null
}

function applyParameter(part: string, seen: Set<string>, draft: Draft): string | null {
  const equals = part.indexOf('=')
  const key = equals === -1 ? part : part.slice(0, equals)
  const parameter = Object.hasOwn(PARAMETERS, key) ? PARAMETERS[key] : undefined
  if (parameter === undefined) return `unknown parameter '${key}'; known are ${Object.keys(PARAMETERS).join(', ')}.`
  if (seen.has(key)) return `'${key}' is given twice.`
  seen.add(key)
  const wanted = parameter(equals === -1 ? '' : part.slice(equals + 1), draft)
  return wanted === null ? null : `'${key}' wants ${wanted}.`
}
