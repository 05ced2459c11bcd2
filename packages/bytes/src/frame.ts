const HEAD = 8
const BYTES = '$bytes'

/**
 * A message between our own processes: plain data in which Buffers may stand. The data travels as JSON, the Buffers behind it as they are.
 * 4 bytes length of all that follows, 4 bytes length of the JSON (big endian), JSON, bytes.
 */
export function packFrame(data: object): Buffer {
  const tail: Uint8Array[] = []
  const text = JSON.stringify(data, function (this: Readonly<Record<string, unknown>>, name: string, value: unknown) {
    // `value` is what Buffer's `toJSON` made of it.
    const original = this[name]
    if (!(original instanceof Uint8Array)) return value
    tail.push(original)
    return { [BYTES]: original.length }
  })
  const json = Buffer.from(text)
  const head = Buffer.allocUnsafe(HEAD)
  const length = tail.reduce((sum, { length: more }) => sum + more, 4 + json.length)
  head.writeUInt32BE(length, 0)
  head.writeUInt32BE(json.length, 4)
  return Buffer.concat([head, json, ...tail])
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #most: number
  #parts: Buffer[] = []
  #held = 0
  /** Bytes that must be there before it is worth looking. */
  #wanted = HEAD

  /** `most`: bytes of one frame; a larger one throws. */
  constructor(most: number) {
    this.#most = most
  }

  /** The data of every frame that this chunk completes. Buffers in it are slices of what was read. Throws on what is no frame. */
  read(chunk: Buffer): unknown[] {
    this.#parts.push(chunk)
    this.#held += chunk.length
    const frames: unknown[] = []
    if (this.#held < this.#wanted) return frames
    let bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts)
    for (this.#wanted = HEAD; bytes.length >= HEAD;) {
      const end = 4 + bytes.readUInt32BE(0)
      if (end > this.#most) throw new RangeError(`a frame of ${end} bytes: at most ${this.#most} are read`)
      if (bytes.length < end) {
        this.#wanted = end
        break
      }
      frames.push(unpack(bytes.subarray(4, end)))
      bytes = bytes.subarray(end)
    }
    this.#parts = [bytes]
    this.#held = bytes.length
    return frames
  }
}

function unpack(frame: Buffer): unknown {
  let at = 4 + frame.readUInt32BE(0)
  return JSON.parse(frame.toString('utf8', 4, at), (_, value: unknown) => {
    const length = typeof value === 'object' && value !== null && BYTES in value ? value[BYTES] : null
    if (typeof length !== 'number') return value
    // A reviver visits in the order of the text, as the packer did.
    const bytes = frame.subarray(at, at += length)
    if (bytes.length !== length) throw new RangeError('a frame that is shorter than it says')
    return bytes
  }) as unknown
}
