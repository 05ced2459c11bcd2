import type { ErrorKind } from '@headrace/contract'
import type { AnswerHead } from './flight-reader.ts'

/**
 * What two workers say to each other on a flight's connection: one byte of kind, four of length (big endian), and as much text.
 * Bytes of an answer travel as they are; everything else as JSON.
 */
export const JOIN = 1
export const JOINED = 2
export const HEAD = 3
export const BYTES = 4
export const END = 5
export const BROKEN = 6
export const RESPONSE = 7
export const GONE = 8
export const RUNS = 9

const HEADER = 5
/** Bytes of one frame at most: a whole answer that is not streamed, and more than any. */
const MOST = 2 ** 30

/** `GONE`: nobody leads this flight here. `RESPONSE` is followed by `BYTES` with the body. */
export interface FrameData {
  readonly [JOIN]: { readonly key: string }
  readonly [JOINED]: Record<string, never>
  readonly [HEAD]: AnswerHead
  readonly [END]: Record<string, never>
  readonly [BROKEN]: { readonly kind: ErrorKind }
  readonly [RESPONSE]: { readonly head: AnswerHead, readonly kind: ErrorKind | null }
  readonly [GONE]: Record<string, never>
  readonly [RUNS]: Record<string, never>
}

export function dataFrame<Kind extends keyof FrameData>(kind: Kind, data: FrameData[Kind]): Buffer {
  return frame(kind, Buffer.from(JSON.stringify(data)))
}

/** `text` is latin1. */
export function bytesFrame(text: Buffer | string): Buffer {
  return frame(BYTES, text)
}

function frame(kind: number, content: Buffer | string): Buffer {
  const packed = Buffer.allocUnsafe(HEADER + content.length)
  packed.writeUInt8(kind, 0)
  packed.writeUInt32BE(content.length, 1)
  if (typeof content === 'string') packed.write(content, HEADER, 'latin1')
  else content.copy(packed, HEADER)
  return packed
}

/** Cuts what is read into frames. */
export class FrameCutter {
  readonly #onFrame: (kind: number, content: Buffer) => void
  #parts: Buffer[] = []
  #held = 0
  #wanted = HEADER

  constructor(onFrame: (kind: number, content: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** Throws on what is no frame. */
  push(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.#held += chunk.length
    if (this.#held < this.#wanted) return
    let bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts)
    this.#wanted = HEADER
    while (bytes.length >= HEADER) {
      const end = HEADER + bytes.readUInt32BE(1)
      if (end > MOST) throw new RangeError(`a frame of ${end} bytes`)
      if (bytes.length < end) {
        this.#wanted = end
        break
      }
      const content = bytes.subarray(HEADER, end)
      const kind = bytes.readUInt8(0)
      bytes = bytes.subarray(end)
      this.#onFrame(kind, content)
    }
    this.#parts = [bytes]
    this.#held = bytes.length
  }
}

/** Our own program speaks our own protocol. */
export const frameData = <Kind extends keyof FrameData>(_kind: Kind, content: Buffer): FrameData[Kind] => JSON.parse(content.toString()) as FrameData[Kind]
