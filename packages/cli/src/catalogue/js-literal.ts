import { failure, success, type Result } from '@headrace/contract'

/** Nesting of what is read. */
const MAX_DEPTH = 64

/**
 * Reads one JavaScript literal - objects, lists, strings, numbers, `true`, `!0`, `null` - without running it: what a bundler makes of JSON.
 * `start`: where it begins. Anything that is no such literal is a failure.
 */
export function parseJsLiteral(text: string, start: number): Result<unknown, string> {
  try {
    return success(new LiteralReader(text, start).read())
  } catch (error) {
    if (error instanceof NoLiteral) return failure(error.message)
    throw error
  }
}

/** Ends the reading. Never leaves this file. */
class NoLiteral extends Error {}

const SPACE = /\s*/y
const NAME = /[A-Za-z_$][\w$]*/y
const NUMBER = /-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/iy
const STRING = /"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|`(?:[^`\\$]|\\[^]|\$(?!\{))*`/y
const WORDS = Object.freeze({ 'true': true, 'false': false, 'null': null } as const)
const ESCAPES = Object.freeze({ n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v', 0: '\0' } as const)

class LiteralReader {
  readonly #text: string
  #at: number
  #depth = 0

  constructor(text: string, start: number) {
    this.#text = text
    this.#at = start
  }

  read(): unknown {
    this.#take(SPACE)
    if (++this.#depth > MAX_DEPTH) throw new NoLiteral('too deeply nested')
    const value = this.#value()
    this.#depth--
    this.#take(SPACE)
    return value
  }

  #value(): unknown {
    const char = this.#text[this.#at]
    if (char === '{') return this.#members()
    if (char === '[') return this.#items()
    if (char === '!') {
      const digit = this.#text[this.#at + 1]
      this.#at += 2
      return digit === '0' ? true : digit === '1' ? false : this.#fail()
    }
    const string = this.#take(STRING)
    if (string !== null) return unescape(string)
    const number = this.#take(NUMBER)
    if (number !== null) return Number(number)
    const word = this.#take(NAME)
    return word !== null && Object.hasOwn(WORDS, word) ? WORDS[word as keyof typeof WORDS] : this.#fail()
  }

  #members(): Record<string, unknown> {
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    this.#list('}', () => {
      const string = this.#take(STRING)
      const name = string === null ? this.#take(NAME) ?? this.#take(NUMBER) ?? this.#fail() : unescape(string)
      this.#take(SPACE)
      this.#expect(':')
      object[name] = this.read()
    })
    return object
  }

  #items(): unknown[] {
    const items: unknown[] = []
    this.#list(']', () => items.push(this.read()))
    return items
  }

  #list(end: string, one: () => void): void {
    this.#at++
    for (;;) {
      this.#take(SPACE)
      if (this.#text[this.#at] === end) break
      one()
      this.#take(SPACE)
      if (this.#text[this.#at] !== ',') break
      this.#at++
    }
    this.#expect(end)
  }

  #expect(char: string): void {
    if (this.#text[this.#at] !== char) this.#fail()
    this.#at++
  }

  #take(form: RegExp): string | null {
    form.lastIndex = this.#at
    const found = form.exec(this.#text)?.[0]
    if (found === undefined) return null
    this.#at += found.length
    return found
  }

  #fail(): never {
    throw new NoLiteral(`no literal at character ${this.#at}: ${JSON.stringify(this.#text.slice(this.#at, this.#at + 30))}`)
  }
}

function unescape(quoted: string): string {
  return quoted.slice(1, -1).replace(/\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2})|\n|([^]))/gi, (_whole, point?: string, unit?: string, byte?: string, char?: string) => {
    const code = point ?? unit ?? byte
    if (code !== undefined) return String.fromCodePoint(Math.min(0x10ffff, Number.parseInt(code, 16)))
    return char === undefined ? '' : Object.hasOwn(ESCAPES, char) ? ESCAPES[char as keyof typeof ESCAPES] : char
  })
}
