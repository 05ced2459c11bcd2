const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d
/** What matters inside an element. */
const STRUCTURE = /["[\]{}]/g

/**
 * Cuts one array of a JSON object into its elements as the text comes, and keeps the rest of the object. Elements are lists, objects or strings; what
 * stands inside them is not judged. What is left is for `JSON.parse` to judge: the array is empty in it. Text is latin1.
 *
 *   outside --[ of the path--> between --element begins--> inside --ends--> between --]--> outside
 */
export class ElementCutter {
  readonly #path: readonly string[]
  readonly #elementLimit: number
  readonly #restLimit: number
  #state: 'outside' | 'between' | 'inside' = 'outside'
  /** Of open brackets; of those, how many belong to the path. */
  #depth = 0
  #matched = 0
  /** The member's name before a colon is the path's next one. */
  #awaited = false
  #name = ''
  #inString = false
  #escaped = false
  /** Commas and elements take turns. */
  #wantsComma = false
  #elementDepth = 0
  #element = ''
  #rest = ''
  broken = false

  /** `path`: names of members, from the root to the array. Limits: chars of an element, and of all that is not in one. */
  constructor(path: readonly string[], elementLimit: number, restLimit: number) {
    this.#path = path
    this.#elementLimit = elementLimit
    this.#restLimit = restLimit
  }

  /** What stands outside of the elements. */
  get rest(): string {
    return this.#rest
  }

  push(text: string, onElement: (element: string) => void): void {
    let at = 0
    while (at < text.length && !this.broken) {
      if (this.#state === 'outside') at = this.#outside(text, at)
      else if (this.#state === 'between') at = this.#between(text, at)
      else at = this.#inside(text, at, onElement)
    }
    if (this.#element.length > this.#elementLimit || this.#rest.length > this.#restLimit) this.broken = true
  }

  /** Up to where the array begins, or to the end. */
  #outside(text: string, start: number): number {
    for (let at = start; at < text.length; at++) {
      if (!this.#opensArray(text.charCodeAt(at), text[at] ?? '')) continue
      this.#rest += text.slice(start, at + 1)
      this.#state = 'between'
      this.#wantsComma = false
      return at + 1
    }
    this.#rest += text.slice(start)
    return text.length
  }

  #opensArray(unit: number, char: string): boolean {
    // Only names where the path goes on are of interest.
    const near = this.#depth === this.#matched + 1
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (unit === BACKSLASH) this.#escaped = true
      else if (unit === QUOTE) this.#inString = false
      if (this.#inString && near && this.#name.length < 64) this.#name += char
      return false
    }
    switch (unit) {
      case QUOTE:
        this.#inString = true
        this.#name = ''
        return false
      case COLON:
        if (near) this.#awaited = this.#matched < this.#path.length && this.#name === this.#path[this.#matched]
        return false
      case COMMA:
        this.#awaited = false
        return false
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const last = this.#matched === this.#path.length - 1
        const found = this.#awaited && near
        this.#awaited = false
        this.#depth++
        if (found && unit === OPEN_BRACE && !last) this.#matched++
        return found && unit === OPEN_BRACKET && last
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        this.#depth--
        if (this.#depth > 0 && this.#depth === this.#matched) this.#matched--
    }
    return false
  }

  #between(text: string, start: number): number {
    for (let at = start; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) continue
      if (unit === COMMA && this.#wantsComma) {
        this.#wantsComma = false
        continue
      }
      if (unit === CLOSE_BRACKET) {
        this.#state = 'outside'
        this.#depth--
        this.#rest += ']'
        return at + 1
      }
      this.broken = this.#wantsComma || (unit !== OPEN_BRACKET && unit !== OPEN_BRACE && unit !== QUOTE)
      this.#state = 'inside'
      this.#elementDepth = 0
      this.#inString = false
      return at
    }
    return text.length
  }

  /** Up to the element's end, or to the end. */
  #inside(text: string, start: number, onElement: (element: string) => void): number {
    let at = start
    while (at < text.length) {
      if (this.#inString) {
        at = this.#stringEnd(text, at)
        if (at < 0) break
      } else {
        STRUCTURE.lastIndex = at
        const found = STRUCTURE.exec(text)
        if (found === null) break
        at = found.index + 1
        const unit = text.charCodeAt(found.index)
        if (unit === QUOTE) {
          this.#inString = true
          continue
        }
        this.#elementDepth += unit === OPEN_BRACE || unit === OPEN_BRACKET ? 1 : -1
      }
      if (this.#elementDepth > 0) continue
      const element = this.#element + text.slice(start, at)
      this.#element = ''
      this.#state = 'between'
      this.#wantsComma = true
      if (element.length > this.#elementLimit) this.broken = true
      else onElement(element)
      return at
    }
    this.#element += text.slice(start)
    return text.length
  }

  /** After the closing quote; -1 = it is still to come. */
  #stringEnd(text: string, start: number): number {
    for (let at = start; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (this.#escaped) this.#escaped = false
      else if (unit === BACKSLASH) this.#escaped = true
      else if (unit === QUOTE) {
        this.#inString = false
        return at + 1
      }
    }
    return -1
  }
}
