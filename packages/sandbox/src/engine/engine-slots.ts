import type { Behaviour } from './behaviour.ts'

interface Engine { busy: number, readonly waiting: (() => void)[] }

/** As many calls of a model at a time as its name says (`capacity=`); the rest wait, first come, first served, as in an engine that takes whatever comes. */
export class EngineSlots {
  readonly #engines = new Map<string, Engine>()

  /** Resolves with the function that gives the place back; rejects when the caller leaves before it has one. At once where the model has no bound. */
  async enter({ name, capacity }: Behaviour, signal: AbortSignal): Promise<() => void> {
    if (capacity === 0) return () => {}
    let engine = this.#engines.get(name)
    if (engine === undefined) this.#engines.set(name, engine = { busy: 0, waiting: [] })
    if (engine.busy >= capacity) await inLine(engine, signal)
    else engine.busy++
    return () => this.#leave(name)
  }

  /** The place goes to the next in line. */
  #leave(name: string): void {
    const engine = this.#engines.get(name)
    if (engine === undefined) return
    const next = engine.waiting.shift()
    if (next !== undefined) next()
    else if (--engine.busy === 0) this.#engines.delete(name)
  }
}

function inLine(engine: Engine, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    const leave = (): void => {
      engine.waiting.splice(engine.waiting.indexOf(go), 1)
      reject(new Error('The caller left the line.'))
    }
    engine.waiting.push(go)
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
  })
}
