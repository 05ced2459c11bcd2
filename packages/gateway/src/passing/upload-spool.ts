import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { failure, gatewayError, success, type GatewayError, type Result } from '@headrace/contract'
import type { Readable } from 'node:stream'
import { collectAfter, TOO_LONG, type BodyStart, type Inspect } from './pass-body.ts'

/** Bytes of all bodies that one worker has on disk at a time. */
const MOST_BYTES = 2 ** 30
const PIECE_BYTES = 65_536
const RETRY_MS = 5_000
const ADVICE = 'Put "model" before the file: such a form needs no room on this machine\'s disk.'

const full = (): GatewayError => gatewayError('overloaded', `Too many forms whose model stands behind a large file are under way. Try again. ${ADVICE}`, { retryAfterMs: RETRY_MS })
const unwritten = (code: string): GatewayError => gatewayError('overloaded', `A form whose model stands behind a large file could not be put aside on this machine's disk (${code}). ${ADVICE}`, { retryAfterMs: RETRY_MS })

/** A body that lies on disk, in a file without a name: nobody else can open it, and it is gone with its last user, however that one ends. */
export interface SpooledBody {
  /** Bytes. */
  readonly size: number
  /** Its bytes from `from`, up to `to` (not included). Throws when the file is closed. */
  read(from: number, to: number): AsyncGenerator<Buffer>
  /** Idempotent. */
  close(): void
}

/** Where bodies are put aside that must be seen to their end before it is known where they go. */
export class UploadSpool {
  readonly #directory: string
  readonly #collectYoung: () => void
  readonly #mostBytes: number
  #names = 0
  #bytes = 0

  /** `directory` is made when it is needed. */
  constructor(directory: string, collectYoung: () => void, mostBytes = MOST_BYTES) {
    this.#directory = directory
    this.#collectYoung = collectYoung
    this.#mostBytes = mostBytes
  }

  /** Bytes that are on disk now. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a body to its end. Errors: what `inspect` says, `body-too-large`, `overloaded` (no room, on disk or of this worker's share of it). A client that leaves is an error of any kind. */
  async take(start: BodyStart, rest: Readable, maxBytes: number, inspect: Inspect): Promise<Result<SpooledBody>> {
    let spooled: SpooledFile | null = null
    try {
      spooled = new SpooledFile(await this.#open(), bytes => { this.#bytes -= bytes })
      const error = await this.#add(spooled, start.bytes, maxBytes) ?? await this.#addRest(spooled, rest, maxBytes, inspect)
      if (error === null) return success(spooled)
      spooled.close()
      return failure(error)
    } catch (error) {
      spooled?.close()
      return failure(unwritten(error instanceof Error && 'code' in error ? String(error.code) : 'unknown'))
    }
  }

  async #addRest(spooled: SpooledFile, rest: Readable, maxBytes: number, inspect: Inspect): Promise<GatewayError | null> {
    for await (const chunk of rest.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      const error = inspect(chunk) ?? await this.#add(spooled, chunk, maxBytes)
      if (error !== null) return error
      collectAfter(chunk.length, this.#collectYoung)
    }
    return null
  }

  async #add(spooled: SpooledFile, bytes: Buffer, maxBytes: number): Promise<GatewayError | null> {
    if (spooled.size + bytes.length > maxBytes) return TOO_LONG
    if (this.#bytes + bytes.length > this.#mostBytes) return full()
    this.#bytes += bytes.length
    await spooled.add(bytes)
    return null
  }

  async #open(): Promise<FileHandle> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    const path = join(this.#directory, `${process.pid}-${++this.#names}`)
    const file = await open(path, 'wx+', 0o600)
    await unlink(path)
    return file
  }
}

class SpooledFile implements SpooledBody {
  size = 0
  readonly #file: FileHandle
  readonly #onClose: (bytes: number) => void
  #closed = false

  constructor(file: FileHandle, onClose: (bytes: number) => void) {
    this.#file = file
    this.#onClose = onClose
  }

  async add(bytes: Buffer): Promise<void> {
    // Counted first: what was begun to be written is given back too.
    this.size += bytes.length
    await this.#file.appendFile(bytes)
  }

  async *read(from: number, to: number): AsyncGenerator<Buffer> {
    for (let at = from; at < to;) {
      const { bytesRead, buffer } = await this.#file.read(Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, to - at)), 0, undefined, at)
      if (bytesRead === 0) throw new Error('The file is shorter than what was written to it.')
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose(this.size)
    // It has no name: there is nothing that could be done about a failure.
    void this.#file.close().catch(() => undefined)
  }
}
