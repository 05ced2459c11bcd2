import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What the engine saw of one request, and how its answer ended. */
export interface SeenCall {
  readonly n: number
  /** Unix milliseconds. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** Lower-case names. Credentials appear as `sha256:` and the first 16 hex digits of their digest. */
  readonly headers: Readonly<Record<string, string>>
  readonly requestId: string
  model: string
  /** The request's body, at most 64 KiB of it. */
  body: string
  /** HTTP status sent; 0 = none. */
  status: number
  /** Tokens that reached the socket. */
  tokens: number
  state: 'running' | 'complete' | 'faulted' | 'aborted'
}

/** Answer of GET /sandbox/calls. */
export interface CallsReport {
  /** Since the start or the last DELETE. */
  readonly count: number
  readonly aborted: number
  readonly running: number
  /** `x-request-id` of the last 100,000 calls, oldest first; '' where there was none. */
  readonly requestIds: readonly string[]
  /** The last 200 calls whole, oldest first. */
  readonly calls: readonly SeenCall[]
}

const KEPT_CALLS = 200
const KEPT_IDS = 100_000
const KEPT_BODY_CHARS = 65_536
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'cookie', 'proxy-authorization'])

/** The bounded memory of everything that asked this engine for something. */
export class CallLog {
  #calls: SeenCall[] = []
  #ids: string[] = []
  #count = 0
  #aborted = 0
  #running = 0

  begin(request: IncomingMessage): SeenCall {
    const headers: Record<string, string> = {}
    for (const [name, value] of Object.entries(request.headers)) {
      if (value !== undefined) headers[name] = SECRET_HEADERS.has(name) ? digest(String(value)) : String(value)
    }
    this.#count += 1
    this.#running += 1
    const call: SeenCall = {
      n: this.#count, at: Date.now(), method: request.method ?? '', path: request.url ?? '', headers,
      requestId: headers['x-request-id'] ?? '', model: '', body: '', status: 0, tokens: 0, state: 'running',
    }
    this.#calls.push(call)
    this.#ids.push(call.requestId)
    // Trimmed in blocks, so that a long run does not shift the arrays on each call.
    if (this.#calls.length >= KEPT_CALLS * 2) this.#calls = this.#calls.slice(-KEPT_CALLS)
    if (this.#ids.length >= KEPT_IDS * 2) this.#ids = this.#ids.slice(-KEPT_IDS)
    return call
  }

  body(call: SeenCall, text: string): void {
    call.body = text.slice(0, KEPT_BODY_CHARS)
  }

  /** The first end of a call counts; later ones change nothing. */
  end(call: SeenCall, state: Exclude<SeenCall['state'], 'running'>): void {
    if (call.state !== 'running') return
    call.state = state
    this.#running -= 1
    if (state === 'aborted') this.#aborted += 1
  }

  report(): CallsReport {
    return {
      count: this.#count, aborted: this.#aborted, running: this.#running,
      requestIds: this.#ids.slice(-KEPT_IDS), calls: this.#calls.slice(-KEPT_CALLS),
    }
  }

  /** Forgets everything but the calls still running, which keep counting as such. */
  reset(): void {
    this.#calls = []
    this.#ids = []
    this.#count = 0
    this.#aborted = 0
  }
}

function digest(value: string): string {
  const token = value.startsWith('Bearer ') ? value.slice('Bearer '.length) : value
  return `sha256:${createHash('sha256').update(token).digest('hex').slice(0, 16)}`
}
