/** One thing that went wrong, in words. */
export interface Problem {
  /** Unix ms. */
  readonly at: number
  readonly text: string
}

const KEPT = 20

/** The last problems of one part, for `/admin/v1/status`; each is also said as it happens. */
export class ProblemList {
  readonly #say: (text: string) => void
  #problems: readonly Problem[] = []

  constructor(say: (text: string) => void) {
    this.#say = say
  }

  add(text: string): void {
    this.#problems = [...this.#problems, { at: Date.now(), text }].slice(-KEPT)
    this.#say(text)
  }

  list(): readonly Problem[] {
    return this.#problems
  }
}
