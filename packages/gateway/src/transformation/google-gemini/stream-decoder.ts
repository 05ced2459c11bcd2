import { gatewayError, type AnswerDecoder } from '@headrace/contract'
import { JsonAnswerDecoder, StreamAnswerDecoder, type Emit } from '../neutral/answer-reader.ts'
import { ArraySplitter } from './array-splitter.ts'
import { ContentAnswerParser } from './decode-answer.ts'
import { EVENT_LIMIT } from './framing.ts'

const OPEN_BRACKET = 0x5b, OPEN_BRACE = 0x7b
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** A streamed answer: events, or one JSON array where the provider does not know `alt=sse`; who does not stream at all answers with one object. */
export class ContentStreamDecoder implements AnswerDecoder {
  #inner: AnswerDecoder | null = null

  push(chunk: Buffer, emit: Emit): void {
    if (this.#inner === null) {
      const first = chunk.find(byte => !isSpace(byte))
      if (first === undefined) return
      this.#inner = first === OPEN_BRACKET ? new ArrayDecoder() : first === OPEN_BRACE ? new JsonAnswerDecoder(new ContentAnswerParser()) : new StreamAnswerDecoder(new ContentAnswerParser(), EVENT_LIMIT)
    }
    this.#inner.push(chunk, emit)
  }

  end(emit: Emit): void {
    this.#inner ??= new StreamAnswerDecoder(new ContentAnswerParser(), EVENT_LIMIT)
    this.#inner.end(emit)
  }
}

/** One JSON array of answers. */
class ArrayDecoder implements AnswerDecoder {
  readonly #parser = new ContentAnswerParser()
  readonly #splitter = new ArraySplitter(EVENT_LIMIT)
  #failed = false

  push(chunk: Buffer, emit: Emit): void {
    if (this.#failed || this.#splitter.state === 'closed') return
    this.#splitter.push(chunk.latin1Slice(), element => {
      if (this.#failed) return
      this.#parser.event(Buffer.from(element, 'latin1').toString('utf8'), event => {
        this.#failed ||= event.type === 'error'
        emit(event)
      })
    })
    if (this.#failed || this.#splitter.state !== 'broken') return
    this.#failed = true
    emit({ type: 'error', error: gatewayError('upstream-protocol', 'The provider sent something that is not a JSON array of answers where one was due.', { upstreamStatus: 200 }) })
  }

  end(emit: Emit): void {
    if (this.#failed) return
    if (this.#parser.state === 'finished' && this.#splitter.state !== 'inside') emit({ type: 'end' })
    else emit({ type: 'error', error: gatewayError('upstream-truncated', 'The provider ended the stream before the answer was complete.') })
  }
}
