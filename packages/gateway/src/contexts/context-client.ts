import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { FrameReader, packFrame } from '@headrace/bytes'
import { CONTEXT_FRAME_BYTES, type ContextAnswer, type ContextBegun, type ContextChange, type ContextDraft, type ContextFound, type ContextHeld, type ContextKnown, type ContextNote, type ContextOutcome, type ContextOwner, type ContextQuery, type ContextReading, type ContextState, type ContextTag, type ContextTurn } from '@headrace/contract'

interface Waiting { readonly resolve: (result: unknown) => void, readonly reject: (reason: Error) => void }

/** A call whose connection ends is made again, on a new one: the owner may be starting anew. After this many ms it fails. */
const PATIENCE_MS = 5_000
const AGAIN_MS = 50

/** The connection ended: whether the call was heard is not known. */
class Unheard extends Error {}

/**
 * Asks the owner of the contexts over its unix socket, on one connection. Every method rejects when the owner does not answer, or cannot write. A call is made
 * again when its answer is lost, so that a `change` without a `turn` must not matter twice.
 */
export class ContextClient implements ContextOwner {
  readonly #path: string
  readonly #waiting = new Map<number, Waiting>()
  #socket: Socket | null = null
  #ticket = 0
  #closed = false

  constructor(path: string) {
    this.#path = path
  }

  create(tenant: string, draft: ContextDraft): Promise<ContextOutcome> {
    return this.#made(tenant, draft.id, this.#call<ContextOutcome>('create', tenant, draft))
  }

  fork(tenant: string, id: string, seq: number | null, draft: ContextDraft): Promise<ContextOutcome> {
    return this.#made(tenant, draft.id, this.#call<ContextOutcome>('fork', tenant, id, seq, draft))
  }

  async read(tenant: string, id: string, known: ContextKnown | null): Promise<ContextReading | null> {
    return (await this.#call<ContextReading | null>('read', tenant, id, known)).result
  }

  async state(tenant: string, id: string): Promise<ContextState | null> {
    return (await this.#call<ContextState | null>('state', tenant, id)).result
  }

  async begin(tenant: string, id: string, turn: ContextTurn): Promise<ContextBegun> {
    return (await this.#call<ContextBegun>('begin', tenant, id, turn)).result
  }

  async change(tenant: string, id: string, change: ContextChange, token: string, ends = false): Promise<ContextOutcome | ContextHeld> {
    return (await this.#call<ContextOutcome | ContextHeld>('change', tenant, id, change, token, ends)).result
  }

  async end(tenant: string, id: string, token: string): Promise<void> {
    await this.#call('end', tenant, id, token)
  }

  async next(tenant: string, id: string, version: number, waitMs: number): Promise<ContextState | null> {
    return (await this.#call<ContextState | null>('next', tenant, id, version, waitMs)).result
  }

  async tags(tenant: string, id: string): Promise<readonly ContextTag[]> {
    return (await this.#call<readonly ContextTag[]>('tags', tenant, id)).result
  }

  async notes(tenant: string, id: string): Promise<readonly ContextNote[]> {
    return (await this.#call<readonly ContextNote[]>('notes', tenant, id)).result
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    const { result, again } = await this.#call<boolean>('remove', tenant, id)
    return result || again
  }

  async list(tenant: string, query: ContextQuery): Promise<readonly ContextState[]> {
    return (await this.#call<readonly ContextState[]>('list', tenant, query)).result
  }

  async search(tenant: string, words: string, most: number): Promise<readonly ContextFound[]> {
    return (await this.#call<readonly ContextFound[]>('search', tenant, words, most)).result
  }

  /** What waits is rejected. */
  close(): void {
    this.#closed = true
    this.#socket?.destroy()
  }

  /** An id that its maker finds taken when it asks again was taken by itself. */
  async #made(tenant: string, id: string, called: Promise<{ readonly result: ContextOutcome, readonly again: boolean }>): Promise<ContextOutcome> {
    const { result, again } = await called
    if (result.kind !== 'exists' || !again) return result
    const reading = await this.read(tenant, id, null)
    return reading === null ? { kind: 'unknown' } : { kind: 'done', state: reading.state }
  }

  async #call<T>(method: keyof ContextOwner, ...args: readonly unknown[]): Promise<{ readonly result: T, readonly again: boolean }> {
    const until = performance.now() + PATIENCE_MS
    for (let again = false; ; again = true) {
      try {
        return { result: await this.#ask(method, args) as T, again } // the owner's types are this interface's
      } catch (error) {
        if (!(error instanceof Unheard) || this.#closed || performance.now() > until) throw error
        await delay(AGAIN_MS)
      }
    }
  }

  #ask(method: keyof ContextOwner, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('contexts: closed'))
      const ticket = ++this.#ticket
      this.#waiting.set(ticket, { resolve, reject })
      this.#connected().write(packFrame({ ticket, method, args }))
    })
  }

  #connected(): Socket {
    if (this.#socket !== null) return this.#socket
    const socket = this.#socket = connect(this.#path)
    const reader = new FrameReader(CONTEXT_FRAME_BYTES)
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const said of reader.read(chunk)) this.#hear(said as ContextAnswer) // our own program speaks our own protocol
      } catch {
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#lost())
    return socket
  }

  #hear(said: ContextAnswer): void {
    const waiting = this.#waiting.get(said.ticket)
    this.#waiting.delete(said.ticket)
    if ('problem' in said) waiting?.reject(new Error(`contexts: ${said.problem}`))
    else waiting?.resolve(said.result)
  }

  #lost(): void {
    this.#socket = null
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) reject(new Unheard('contexts: their owner does not answer'))
  }
}
