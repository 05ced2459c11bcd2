import { closeSync, openSync, readSync } from 'node:fs'
import { decodeBatch, findBatch, readBatch, type SegmentRecord } from '@headrace/bytes'

const READ_BYTES = 256 * 1024

/** What one step through a segment gave. `end` = nothing more is there now. */
export type SegmentStep =
  | { readonly kind: 'records', readonly at: number, readonly records: readonly SegmentRecord[] }
  | { readonly kind: 'damage', readonly bytes: number }
  /** Another version of Headrace wrote it. */
  | { readonly kind: 'foreign', readonly version: number }
  | { readonly kind: 'end' }

/** Follows one segment file from an offset, batch by batch. The file is open only during a read. */
export class SegmentFile {
  readonly name: string
  readonly path: string
  #offset: number
  #bytes: Buffer = Buffer.alloc(0)
  /** Position of the next batch in `#bytes`. */
  #at = 0
  /** Intents of this file that nothing has settled, with the offset of their batch; oldest first. */
  readonly pending = new Map<string, { readonly offset: number, readonly intent: SegmentRecord }>()
  /** It will not grow, and all of it was read. */
  finished = false
  /** Written by another version: neither read nor deleted. */
  foreign = false

  constructor(name: string, path: string, offset: number) {
    this.name = name
    this.path = path
    this.#offset = offset
  }

  /** From here on it must be read again after a restart. */
  get lowWater(): number {
    for (const { offset } of this.pending.values()) return offset
    return this.#offset
  }

  /** The next batch. `closed` = nobody writes to the file any more, so what is incomplete is torn. */
  next(closed: boolean): SegmentStep {
    const read = readBatch(this.#bytes, this.#at)
    if (read.kind === 'batch') {
      const at = this.#offset
      const records = decodeBatch(this.#bytes, read.start, read.end)
      this.#skip(read.end - this.#at)
      return records === null ? { kind: 'damage', bytes: read.end - read.start } : { kind: 'records', at, records }
    }
    if (read.kind === 'unknown-version') return { kind: 'foreign', version: read.version }
    if (read.kind === 'incomplete' && this.#fill(read.needed)) return this.next(closed)
    if (read.kind === 'incomplete' && (!closed || this.#at === this.#bytes.length)) return { kind: 'end' }
    return this.#resume(closed)
  }

  /** Looks for the next sound batch after damage. */
  #resume(closed: boolean): SegmentStep {
    let found = findBatch(this.#bytes, this.#at + 1)
    while (found === -1 && this.#fill(this.#bytes.length - this.#at + READ_BYTES)) found = findBatch(this.#bytes, this.#at + 1)
    // A file that grows may bring the rest of the next batch later.
    if (found === -1 && !closed) return { kind: 'end' }
    const bytes = (found === -1 ? this.#bytes.length : found) - this.#at
    this.#skip(bytes)
    return { kind: 'damage', bytes }
  }

  #skip(bytes: number): void {
    this.#at += bytes
    this.#offset += bytes
  }

  /** Reads on until `wanted` bytes from the next batch's start are there, or more. False = the file has nothing new. */
  #fill(wanted: number): boolean {
    const kept = this.#bytes.subarray(this.#at)
    const buffer = Buffer.allocUnsafe(Math.max(wanted, kept.length + READ_BYTES))
    kept.copy(buffer)
    const file = openSync(this.path, 'r')
    try {
      const count = readSync(file, buffer, kept.length, buffer.length - kept.length, this.#offset + kept.length)
      this.#bytes = buffer.subarray(0, kept.length + count)
      this.#at = 0
      return count > 0
    } finally {
      closeSync(file)
    }
  }
}
