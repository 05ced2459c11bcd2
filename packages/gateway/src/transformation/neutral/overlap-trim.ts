/** Characters of the end of the earlier text in which an overlap is looked for. */
const REACH = 2_000
/** Fewer equal characters than this may be chance, in words that simply follow each other. */
const LEAST_OVERLAP = 8
/** A text that repeats this much of the beginning was begun anew. */
const BEGUN_ANEW = 32

/**
 * Takes off the front of a text what an earlier one ended with: a model that is asked to go on often repeats the last words first, or all of it.
 * Holds text back only as long as what came could still be such a repetition.
 */
export class OverlapTrim {
  readonly #said: string
  readonly #tail: string
  readonly #prefilled: boolean
  #held = ''
  #decided = false

  /** `prefilled`: the model was given `said` as the beginning of its own answer, without the white space at its end. It repeats then all of it, or nothing. */
  constructor(said: string, prefilled: boolean) {
    this.#said = said
    this.#tail = said.slice(-REACH)
    this.#prefilled = prefilled
  }

  /** What is new; '' = not known yet; null = the answer was begun anew and came out differently. */
  push(text: string): string | null {
    if (this.#decided) return text
    this.#held += text
    return this.#said.startsWith(this.#held) || this.#tail.includes(this.#held) ? '' : this.#decide()
  }

  /** The text is over: what is left of it. */
  end(): string | null {
    return this.#decided ? '' : this.#decide()
  }

  #decide(): string | null {
    this.#decided = true
    const held = this.#held
    const said = this.#said
    if (held.startsWith(said)) return held.slice(said.length)
    if (said.startsWith(held.slice(0, BEGUN_ANEW)) && held.length >= BEGUN_ANEW) return null
    if (this.#prefilled) return held.slice(repeatedSpace(said, held))
    for (let length = Math.min(held.length, this.#tail.length); length >= LEAST_OVERLAP; length--) {
      const overlap = held.slice(0, length)
      if (said.endsWith(overlap)) return isMonotonous(overlap) ? held : held.slice(length)
    }
    return held
  }
}

/** Made of one short piece over and over (a rule, an indentation, a table's row): a text that goes on may well say it once more. */
function isMonotonous(text: string): boolean {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return true
  }
  return false
}

/** How much of the white space that ends the earlier text the later one begins with. */
function repeatedSpace(said: string, held: string): number {
  const space = said.slice(said.trimEnd().length)
  return space !== '' && held.startsWith(space) ? space.length : 0
}
