import { gatewayError, UNKNOWN_USAGE, type GatewayError, type StreamTap, type Usage } from '@headrace/contract'
import { classifyStreamError, isError } from './classify-response.ts'
import { lastFinishOf } from './json-usage.ts'
import { asObject, readUsage } from './read-usage.ts'

/** An event may have this many bytes. */
const EVENT_LIMIT = 1_048_576
const LF = 0x0a, CR = 0x0d
const DONE_EVENT = 'data: [DONE]\n\n'
const BOM = '\u00ef\u00bb\u00bf'
/** An ordinary event's ending may have this many characters after `"finish_reason":null`. */
const ENDING_LIMIT = 96

/**
 * Watches one stream go by: forwards whole events, byte for byte, and holds the tail; reads usage and finish reason; withholds the usage event.
 *
 * What makes it cheap: the events of a stream end alike (`"finish_reason":null}]}`), so the first ordinary event teaches its ending, and an event
 * with that ending has neither finish reason nor usage and is passed after one comparison. Only what looks like more than that is parsed.
 * A raw quote in the ending cannot come from generated text, where quotes are escaped.
 *
 * Framing: LF, CRLF and CR, cut anywhere. An empty line ends an event; the LF of a final CRLF that comes a read later still belongs to it.
 */
export class SseTap implements StreamTap {
  readonly doneEvent = DONE_EVENT
  readonly #withholdUsage: boolean
  usage: Usage = UNKNOWN_USAGE
  finishReason = ''
  done = false
  missingDone = false
  error: GatewayError | null = null
  events = 0
  /** The event that has begun, latin1. A rope: joined only when it ends. */
  #tail = ''
  /** Nothing stands in the current line yet. */
  #lineStart = true
  /** The last byte was a CR: an LF now belongs to it. */
  #afterCr = false
  /** That LF belongs to an event that was withheld. */
  #dropLf = false
  #first = true
  /** What an ordinary event ends in; '' = not learned. Some streams have no such thing (padding of changing length): tried a few times only. */
  #ending = ''
  #lessons = 0

  constructor(withholdUsage: boolean) {
    this.#withholdUsage = withholdUsage
  }

  /** Only whole events are forwarded. */
  get atBoundary(): boolean {
    return true
  }

  push(chunk: Buffer): Buffer | string | null {
    if (this.error !== null || chunk.length === 0) return null
    const text = chunk.latin1Slice()
    let start = 0
    let out = ''
    if (this.#afterCr && this.#tail === '') {
      this.#afterCr = false
      if (text.charCodeAt(0) === LF) {
        if (!this.#dropLf) out = '\n'
        start = 1
      }
    }
    // After [DONE] nothing more belongs to the answer.
    if (this.done) return out === '' ? null : out
    const carriageReturns = this.#afterCr || text.includes('\r')
    let kept = start // where the run begins that is forwarded as it is
    let at = start
    while (at < text.length) {
      const end = carriageReturns ? this.#nextEnd(text, at) : this.#nextEndOfLf(text, at)
      if (end < 0) break
      if (this.#tail === '' && this.#isOrdinary(text, at, end)) {
        this.events++
        at = end
        continue
      }
      const event = this.#tail + text.slice(at, end)
      // Judged alike whether it came in one piece or not.
      const forwarded = this.#examine(event)
      if (this.#tail !== '' || !forwarded) {
        out += text.slice(kept, at)
        if (forwarded) out += event
        kept = end
      }
      this.#tail = ''
      at = end
      if (this.#afterCr) this.#dropLf = !forwarded
      if (this.error !== null || this.done) return this.#output(chunk, text, out, kept, this.error === null ? end : kept)
    }
    if (at < text.length) this.#hold(text, at)
    return this.#output(chunk, text, out, kept, at)
  }

  end(): 'complete' | 'cut' {
    if (this.error !== null) return 'cut'
    if (this.done) return 'complete'
    // A last event without its empty line is not an event, but who ends so has meant it.
    if (/^data: ?\[DONE\]\s*$/.test(this.#tail)) this.#tail = ''
    if (this.#tail !== '' || this.finishReason === '') return 'cut'
    this.missingDone = true
    return 'complete'
  }

  #output(chunk: Buffer, text: string, out: string, kept: number, end: number): Buffer | string | null {
    if (out === '' && kept === 0 && end === text.length) return chunk
    if (end > kept) out += text.slice(kept, end)
    return out === '' ? null : out
  }

  #hold(text: string, at: number): void {
    const before = this.#tail.length
    this.#tail += at === 0 ? text : text.slice(at)
    // The first bytes decide: a page or a bare JSON object is not going to become an event. Later ones are not looked at: that would join the rope.
    if (before <= BOM.length && startsForeign(this.#tail, this.#first)) this.error = foreign()
    else if (this.#tail.length > EVENT_LIMIT) this.error = oversized()
  }

  /** After the empty line that ends the current event, for streams without CR; -1 = not in this text. Empty lines between events stand for themselves. */
  #nextEndOfLf(text: string, at: number): number {
    if (this.#lineStart && text.charCodeAt(at) === LF) return at + 1
    // One character at a time: V8 finds a single one three times faster than a pair.
    for (let found = text.indexOf('\n', at); found >= 0; found = text.indexOf('\n', found + 1)) {
      if (text.charCodeAt(found + 1) !== LF) continue
      this.#lineStart = true
      return found + 2
    }
    this.#lineStart = text.charCodeAt(text.length - 1) === LF
    return -1
  }

  /** The same for any line ends. */
  #nextEnd(text: string, at: number): number {
    for (let index = at; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      if (unit !== LF && unit !== CR) {
        this.#lineStart = false
        this.#afterCr = false
        continue
      }
      if (unit === LF && this.#afterCr) {
        this.#afterCr = false
        continue
      }
      this.#afterCr = unit === CR
      if (!this.#lineStart) {
        this.#lineStart = true
        continue
      }
      if (unit === CR && index + 1 < text.length) {
        this.#afterCr = false
        return text.charCodeAt(index + 1) === LF ? index + 2 : index + 1
      }
      return index + 1
    }
    return -1
  }

  /** Ends as the ordinary events of this stream do, and begins as they do (`data: {`). */
  #isOrdinary(text: string, at: number, end: number): boolean {
    const ending = this.#ending
    return ending !== '' && end - at > ending.length && text.charCodeAt(at) === 0x64 && text.charCodeAt(at + 6) === 0x7b
      && text.startsWith(ending, end - ending.length)
  }

  /** Reads one event, empty line included. False = not to be forwarded. */
  #examine(event: string): boolean {
    if (event.length <= 2) return true
    if (this.#isOrdinary(event, 0, event.length)) {
      this.events++
      return true
    }
    if (event.length > EVENT_LIMIT) {
      this.error = oversized()
      return false
    }
    if (startsForeign(event, this.#first)) {
      this.error = foreign()
      return false
    }
    const data = dataOf(this.#first && event.startsWith(BOM) ? event.slice(3) : event)
    this.#first = false
    if (data === null) return true
    this.events++
    if (data.trim() === '[DONE]') {
      this.done = true
      return true
    }
    if (!looksSpecial(data)) {
      this.#learn(event)
      return true
    }
    return this.#read(data)
  }

  /** An event that may hold usage, a finish reason or an error. */
  #read(data: string): boolean {
    const value = asObject(parse(data))
    if (value === null) return true
    if (isError(value['error']) || (value['type'] === 'error' && value['choices'] === undefined)) {
      this.error = classifyStreamError(value)
      return false
    }
    const choices = value['choices']
    const finish = lastFinishOf(choices)
    if (finish !== '') this.finishReason = finish
    const usage = asObject(value['usage'])
    if (usage === null) return true
    this.usage = readUsage(usage)
    return !(this.#withholdUsage && Array.isArray(choices) && choices.length === 0)
  }

  #learn(event: string): void {
    if (this.#lessons++ >= 4) return
    const at = event.lastIndexOf('"finish_reason"')
    if (at < 0 || event.length - at > ENDING_LIMIT || !event.startsWith('data: {') || !event.endsWith('}\n\n')) return
    // A string of its own, not a view of the event: comparing with a view costs three times as much.
    this.#ending = Buffer.from(event.slice(at), 'latin1').latin1Slice()
  }
}

const foreign = (): GatewayError =>
  gatewayError('upstream-protocol', 'The provider sent something that is not an event where an event was due.', { upstreamStatus: 200 })
const oversized = (): GatewayError =>
  gatewayError('upstream-protocol', `The provider sent an event larger than ${EVENT_LIMIT} bytes.`, { upstreamStatus: 200 })

/** Begins like JSON or a web page. */
function startsForeign(text: string, first: boolean): boolean {
  const unit = text.charCodeAt(first && text.startsWith(BOM) ? 3 : 0)
  return unit === 0x7b || unit === 0x3c
}

/** The event's data lines, joined by LF; null = it has none. */
function dataOf(event: string): string | null {
  if (event.startsWith('data: ') && event.indexOf('\n') === event.length - 2 && !event.includes('\r')) return event.slice(6, -2)
  let data: string | null = null
  for (const line of event.split(/\r\n|\r|\n/)) {
    if (!line.startsWith('data')) continue
    if (line.length > 4 && line.charCodeAt(4) !== 0x3a) continue
    const value = line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5)
    data = data === null ? value : `${data}\n${value}`
  }
  return data
}

/** Cheap and never wrong the dangerous way: may hold usage, an error, or a finish reason other than null. */
function looksSpecial(data: string): boolean {
  // The needles begin with letters that are rare in events: the native search goes from one first letter to the next.
  if (data.includes('_tokens"') || data.includes('rror"') || data.includes('\\u')) return true
  for (let at = data.indexOf('_reason"'); at >= 0; at = data.indexOf('_reason"', at + 8)) {
    const value = data.charCodeAt(at + 9) === 0x20 ? at + 10 : at + 9
    if (data.charCodeAt(at + 8) !== 0x3a || data.charCodeAt(value) !== 0x6e) return true
  }
  return false
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
