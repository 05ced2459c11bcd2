/** One thing that went wrong, in words. */
export interface Problem {
  /** Unix ms. */
  readonly at: number
  readonly text: string
}

const KEPT = 20
/** A disk that fails does so for everyone who asks. */
const SAID_AGAIN_MS = 10_000

/** The last problems of one part, for `/admin/v1/status`; each is also said as it happens, the same one at most every 10 s. */
export class ProblemList {
  readonly #say: (text: string) => void
  #problems: readonly Problem[] = []

  constructor(say: (text: string) => void) {
    this.#say = say
  }

  add(text: string): void {
    const at = Date.now()
    const last = this.#problems.findLast(problem => problem.text === text)
    // A clock that was set back keeps nothing unsaid.
    if (last !== undefined && Math.abs(at - last.at) < SAID_AGAIN_MS) return
    this.#problems = [...this.#problems, { at, text }].slice(-KEPT)
    this.#say(text)
  }

  list(): readonly Problem[] {
    return this.#problems
  }
}
