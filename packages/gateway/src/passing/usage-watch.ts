import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'

/** Reads usage out of a JSON object's text, or its tail; latin1. What it does not know is -1. */
export type ReadUsage = (text: string) => { readonly usage: Usage, readonly finishReason: string }

/** Bytes kept of the end of an answer, or of an event: usage stands there. */
const TAIL = 16_384
/** An event of a stream that holds its usage inside another object: OpenAI's `response`, Anthropic's `message`. */
const HOLDERS = ['response', 'message'] as const

/**
 * Looks on while an answer goes by that nobody interprets, for usage in the shapes that are known, in JSON and in server-sent events.
 * Memory is bounded, whatever comes; what is not found stays unknown.
 */
export class UsageWatch {
  usage: Usage = UNKNOWN_USAGE
  finishReason = ''
  readonly #readers: readonly ReadUsage[]
  readonly #events: boolean
  #tail = ''

  /** `readers`: the likeliest first. */
  constructor(readers: readonly ReadUsage[], events: boolean) {
    this.#readers = readers
    this.#events = events
  }

  push(chunk: Buffer): void {
    const text = chunk.latin1Slice()
    if (!this.#events) {
      this.#tail = (this.#tail + text).slice(-TAIL)
      return
    }
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.#readLine(this.#tail + text.slice(start, end))
      this.#tail = ''
      start = end + 1
    }
    this.#tail = (this.#tail + text.slice(start)).slice(-TAIL)
  }

  end(): void {
    if (this.#events) this.#readLine(this.#tail)
    else this.#take(this.#tail)
    this.#tail = ''
  }

  /** A line that is longer than what is kept has lost its beginning: its usage, if it has some, stands at its end. */
  #readLine(line: string): void {
    if (line.includes('"usage')) this.#take(line.replace(/^data: ?/, '').trimEnd())
  }

  #take(text: string): void {
    for (const read of this.#readers) {
      const { usage, finishReason } = read(text)
      if (finishReason !== '') this.finishReason = finishReason
      if (usage.inputTokens >= 0 || usage.outputTokens >= 0) return this.#merge(usage)
    }
    if (this.#events) this.#takeHeld(text)
  }

  #takeHeld(text: string): void {
    const event = parsed(text)
    for (const holder of HOLDERS) {
      const held = event?.[holder]
      if (typeof held !== 'object' || held === null) continue
      for (const read of this.#readers) {
        const { usage, finishReason } = read(JSON.stringify(held))
        if (finishReason !== '') this.finishReason = finishReason
        // The first event of a message counts its first token alone.
        if (usage.inputTokens >= 0 || usage.outputTokens >= 0) return this.#merge(holder === 'message' ? { ...usage, outputTokens: -1 } : usage)
      }
    }
  }

  /** Later events say again what has changed. */
  #merge(usage: Usage): void {
    const before: Readonly<Record<string, number | undefined>> = { ...this.usage }
    this.usage = Object.freeze({ ...usage, ...Object.fromEntries(Object.entries(usage).filter(([name, count]) => count < 0 && (before[name] ?? -1) >= 0).map(([name]) => [name, before[name]])) })
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : null
  } catch {
    return null
  }
}
