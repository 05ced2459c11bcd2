import type { KeyOperation, KeyOrder, KeyOutcome, KeyResult, KeyResults } from './key-operations.ts'

interface Waiting { readonly resolve: (result: KeyResult) => void, readonly reject: (reason: Error) => void }

/** Asks the keys' writer in its thread. */
export class KeyCalls {
  readonly #post: (order: KeyOrder) => boolean
  readonly #waiting = new Map<number, Waiting>()
  #ticket = 0

  /** `post`: false = no thread is there to hear it. */
  constructor(post: (order: KeyOrder) => boolean) {
    this.#post = post
  }

  /** Resolves when it is durable. Rejects when it cannot be written; then it may or may not be done. */
  run<Op extends KeyOperation['op']>(operation: KeyOperation & { readonly op: Op }): Promise<KeyResults[Op]> {
    return new Promise((resolve, reject) => {
      const ticket = ++this.#ticket
      // The writer answers each operation with its own kind of result.
      this.#waiting.set(ticket, { resolve: result => resolve(result as KeyResults[Op]), reject })
      if (!this.#post({ type: 'key', ticket, operation })) this.hear({ type: 'key-failed', ticket, problem: 'the writer is being started again' })
    })
  }

  hear(outcome: KeyOutcome): void {
    const waiting = this.#waiting.get(outcome.ticket)
    this.#waiting.delete(outcome.ticket)
    if (outcome.type === 'key') waiting?.resolve(outcome.result)
    else waiting?.reject(new Error(outcome.problem))
  }

  /** The thread is gone. */
  lost(): void {
    for (const ticket of this.#waiting.keys()) this.hear({ type: 'key-failed', ticket, problem: 'the writer has ended' })
  }
}
