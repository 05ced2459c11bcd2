import { SseDecoder } from '@headrace/bytes'
import { gatewayError, type AnswerDecoder, type GatewayError, type StreamEvent } from '@headrace/contract'
import { parseJson } from '../relay/json-value.ts'

/** Longest JSON answer that is held to be translated, bytes. */
const ANSWER_LIMIT = 33_554_432

export type Emit = (event: StreamEvent) => void

/** What a dialect makes of the parts of its answers. One instance per answer. */
export interface AnswerParser {
  /** The data of one event of a stream. */
  event(data: string, emit: Emit): void
  /** A whole JSON answer: everything but `end`. */
  answer(value: unknown, text: string, emit: Emit): void
  /** What a stream came to: `done` = its terminator was seen, `finished` = it lacks only that. */
  readonly state: 'open' | 'finished' | 'done'
}

const protocol = (message: string): GatewayError => gatewayError('upstream-protocol', message, { upstreamStatus: 200 })

/** A streamed answer. After the first error and after the terminator nothing more is said. */
export class StreamAnswerDecoder implements AnswerDecoder {
  readonly #parser: AnswerParser
  readonly #sse: SseDecoder
  #emit: Emit = () => {}
  #failed = false

  /** `limit`: bytes that an event may have; left out = 1 MiB. */
  constructor(parser: AnswerParser, limit?: number) {
    this.#parser = parser
    this.#sse = new SseDecoder(event => {
      if (!this.#failed && parser.state !== 'done') parser.event(event.data, this.#tell)
    }, limit)
  }

  push(chunk: Buffer, emit: Emit): void {
    if (this.#failed) return
    this.#emit = emit
    this.#sse.push(chunk)
    if (this.#failed || this.#parser.state === 'done') return
    if (this.#sse.failed) this.#tell({ type: 'error', error: protocol('The provider sent an event that is too large.') })
    else if (this.#sse.foreign) this.#tell({ type: 'error', error: protocol('The provider sent something that is not an event where an event was due.') })
  }

  end(emit: Emit): void {
    if (this.#failed) return
    this.#emit = emit
    // The last line may lack its end, and the last event its empty line: who ends with a terminator has meant it.
    this.push(END_OF_EVENT, emit)
    if (this.#failed) return
    if (this.#parser.state === 'open') this.#tell({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before the answer was complete.') })
    else emit({ type: 'end' })
  }

  readonly #tell = (event: StreamEvent): void => {
    if (event.type === 'error') this.#failed = true
    this.#emit(event)
  }
}

const END_OF_EVENT = Buffer.from('\n\n')

/** An answer that is one JSON object: it comes out when it is whole. */
export class JsonAnswerDecoder implements AnswerDecoder {
  readonly #parser: AnswerParser
  readonly #chunks: Buffer[] = []
  #size = 0

  constructor(parser: AnswerParser) {
    this.#parser = parser
  }

  push(chunk: Buffer, emit: Emit): void {
    if (this.#size > ANSWER_LIMIT) return
    this.#size += chunk.length
    if (this.#size > ANSWER_LIMIT) return emit({ type: 'error', error: protocol('The provider\'s answer is larger than 32 MiB.') })
    this.#chunks.push(Buffer.from(chunk))
  }

  end(emit: Emit): void {
    if (this.#size > ANSWER_LIMIT) return
    const text = Buffer.concat(this.#chunks).toString('utf8')
    const value = parseJson(text)
    if (typeof value !== 'object' || value === null) return emit({ type: 'error', error: protocol('The provider\'s answer is not a JSON object.') })
    let failed = false
    this.#parser.answer(value, text, event => {
      failed ||= event.type === 'error'
      emit(event)
    })
    if (!failed) emit({ type: 'end' })
  }
}
