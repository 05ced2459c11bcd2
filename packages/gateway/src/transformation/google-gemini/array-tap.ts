import { gatewayError, type GatewayError, type StreamTap, type Usage } from '@headrace/contract'
import type { EventReader } from '../relay/sse-tap.ts'
import { ArraySplitter } from './array-splitter.ts'

/** The end of an array behind its last element, or the whole of an empty one, and the space that may follow. */
const END = /^[ \t\r\n]*(?:\[[ \t\r\n]*)?\][ \t\r\n]*/
const SPACE = /^[ \t\r\n]*/

/**
 * Watches a stream that is one JSON array go by (`streamGenerateContent` without `alt=sse`): forwards whole elements, byte for byte, with what stands
 * before them. So what was forwarded can be ended with an error as its last element.
 */
export class ArrayTap implements StreamTap {
  readonly #reader: EventReader
  readonly #splitter: ArraySplitter
  /** Latin1: what has come since the last whole element. */
  #tail = ''
  error: GatewayError | null = null
  missingDone = false
  /** Something that is not space has come behind the end: it is no part of the answer. */
  #over = false
  readonly opening = ''
  readonly atBoundary = true
  readonly doneEvent = '\n]\n'

  constructor(reader: EventReader, limit: number) {
    this.#reader = reader
    this.#splitter = new ArraySplitter(limit)
  }

  get usage(): Usage {
    return this.#reader.usage
  }

  get finishReason(): string {
    return this.#reader.finishReason
  }

  get done(): boolean {
    return this.#splitter.state === 'closed'
  }

  push(chunk: Buffer): string {
    if (this.error !== null || this.#over) return ''
    if (this.done) return this.#rest(chunk.latin1Slice(), SPACE)
    const text = chunk.latin1Slice()
    let out = ''
    let kept = 0
    this.#splitter.push(text, (element, end) => {
      if (this.error !== null) return
      const verdict = this.#reader.read(element)
      if (typeof verdict === 'object') {
        this.error = verdict
        return
      }
      out += this.#tail + text.slice(kept, end)
      this.#tail = ''
      kept = end
    })
    if (this.error !== null) return out
    if (this.#splitter.state === 'broken') {
      this.error = gatewayError('upstream-protocol', 'The provider sent something that is not a JSON array of answers where one was due.', { upstreamStatus: 200 })
      return out
    }
    if (this.done) {
      out += this.#rest(this.#tail + text.slice(kept), END)
      this.#tail = ''
    } else this.#tail += text.slice(kept)
    return out
  }

  #rest(text: string, rule: RegExp): string {
    const rest = rule.exec(text)?.[0] ?? ''
    this.#over = rest.length < text.length
    return rest
  }

  end(): 'complete' | 'cut' {
    if (this.error !== null) return 'cut'
    if (this.done) return 'complete'
    if (this.#splitter.state !== 'between' || this.#reader.finishReason === '' || this.#tail.trim() !== '') return 'cut'
    this.missingDone = true
    return 'complete'
  }
}
