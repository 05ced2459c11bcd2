const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d

/**
 * Cuts the text of one JSON array of objects into its elements, however it comes in pieces. What stands inside an element is not judged; what stands
 * between them is, and what follows the array is not. Text is latin1.
 *
 *   before --[--> between --{--> inside --}--> between --]--> closed
 */
export class ArraySplitter {
  readonly #limit: number
  state: 'before' | 'between' | 'inside' | 'closed' | 'broken' = 'before'
  /** Commas and elements take turns. */
  #wantsComma = false
  #depth = 0
  #inString = false
  #escaped = false
  /** The element that has begun. A rope: joined when it ends. */
  #element = ''

  /** `limit`: bytes that an element may have. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** `end`: where the element ends in `text`. */
  push(text: string, onElement: (element: string, end: number) => void): void {
    let start = 0
    for (let at = 0; at < text.length; at++) {
      if (this.state === 'broken') return
      const unit = text.charCodeAt(at)
      if (this.state !== 'inside') {
        if (this.#between(unit)) start = at
      } else if (this.#closes(unit)) {
        const element = this.#element + text.slice(start, at + 1)
        this.#element = ''
        this.state = 'between'
        this.#wantsComma = true
        onElement(element, at + 1)
      }
    }
    if (this.state !== 'inside') return
    this.#element += text.slice(start)
    if (this.#element.length > this.#limit) this.state = 'broken'
  }

  /** True = an element begins here. */
  #between(unit: number): boolean {
    if (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09 || this.state === 'closed') return false
    if (this.state === 'before' && unit === OPEN_BRACKET) this.state = 'between'
    else if (this.state === 'between' && unit === CLOSE_BRACKET) this.state = 'closed'
    else if (this.state === 'between' && unit === COMMA && this.#wantsComma) this.#wantsComma = false
    else if (this.state === 'between' && unit === OPEN_BRACE && !this.#wantsComma) {
      this.state = 'inside'
      this.#depth = 1
      return true
    } else this.state = 'broken'
    return false
  }

  /** True = the element ends with this character. */
  #closes(unit: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (unit === BACKSLASH) this.#escaped = true
      else if (unit === QUOTE) this.#inString = false
      return false
    }
    if (unit === QUOTE) this.#inString = true
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) this.#depth++
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) return --this.#depth === 0
    return false
  }
}
