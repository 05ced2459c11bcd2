const QUOTE = 0x22, BACKSLASH = 0x5c, COMMA = 0x2c, COLON = 0x3a
const OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null' | 'absent'

/**
 * A value inside a JSON text that is known to be valid: it is looked into where it stands, and what nobody asks for is never decoded. So what is
 * only carried keeps its key order and its number lexemes. An absent member is a view too, so that a path can be walked without looking.
 * Of a member that stands there twice the last one counts, as for `JSON.parse`.
 */
export class JsonView {
  readonly #text: string
  /** Where it stands in the text: half-open. */
  readonly start: number
  readonly end: number
  #members: ReadonlyMap<string, JsonView> | null = null

  constructor(text: string, start: number, end: number) {
    this.#text = text
    this.start = start
    this.end = end
  }

  /** Null = the text is not valid JSON. Nesting must have been bounded before. */
  static parse(text: string): JsonView | null {
    try {
      JSON.parse(text)
    } catch {
      return null
    }
    const start = skipSpace(text, 0)
    return new JsonView(text, start, skipValue(text, start))
  }

  /** The JSON text as it stands there; '' = absent. */
  get raw(): string {
    return this.#text.slice(this.start, this.end)
  }

  get kind(): JsonKind {
    switch (this.start === this.end ? -1 : this.#text.charCodeAt(this.start)) {
      case -1: return 'absent'
      case OPEN_BRACE: return 'object'
      case OPEN_BRACKET: return 'array'
      case QUOTE: return 'string'
      case 0x74: return 'true'
      case 0x66: return 'false'
      case 0x6e: return 'null'
      default: return 'number'
    }
  }

  /** Absent and null say the same nearly everywhere. */
  get given(): boolean {
    const kind = this.kind
    return kind !== 'absent' && kind !== 'null'
  }

  /** Null = not a string. */
  get string(): string | null {
    if (this.kind !== 'string') return null
    return decodeString(this.#text, this.start, this.end)
  }

  /** Null = not a number. */
  get number(): number | null {
    return this.kind === 'number' ? Number(this.raw) : null
  }

  /** Null = neither true nor false. */
  get boolean(): boolean | null {
    const kind = this.kind
    return kind === 'true' ? true : kind === 'false' ? false : null
  }

  /** A member of an object; absent where there is none, or this is no object. */
  get(name: string): JsonView {
    return this.members().get(name) ?? ABSENT
  }

  /** Members by name, in their order; empty for what is no object. */
  members(): ReadonlyMap<string, JsonView> {
    this.#members ??= this.kind === 'object' ? this.#readMembers() : NO_MEMBERS
    return this.#members
  }

  /** Elements of an array; empty for what is none. */
  elements(): readonly JsonView[] {
    if (this.kind !== 'array') return []
    const text = this.#text
    const list: JsonView[] = []
    let at = skipSpace(text, this.start + 1)
    while (text.charCodeAt(at) !== CLOSE_BRACKET) {
      const end = skipValue(text, at)
      list.push(new JsonView(text, at, end))
      at = skipSpace(text, end)
      if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
    }
    return list
  }

  #readMembers(): ReadonlyMap<string, JsonView> {
    const text = this.#text
    const members = new Map<string, JsonView>()
    let at = skipSpace(text, this.start + 1)
    while (text.charCodeAt(at) !== CLOSE_BRACE) {
      const keyEnd = skipString(text, at)
      const name = decodeString(text, at, keyEnd)
      at = skipSpace(text, keyEnd)
      if (text.charCodeAt(at) !== COLON) throw new Error('JsonView was given a text that is not valid JSON')
      at = skipSpace(text, at + 1)
      const end = skipValue(text, at)
      members.set(name, new JsonView(text, at, end))
      at = skipSpace(text, end)
      if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1)
    }
    return members
  }
}

const NO_MEMBERS: ReadonlyMap<string, JsonView> = new Map()
const ABSENT = new JsonView('', 0, 0)

function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1)
  // The text is valid: a literal in quotes parses to a string.
  return inner.includes('\\') ? JSON.parse(text.slice(start, end)) as string : inner
}

function skipSpace(text: string, at: number): number {
  for (;;) {
    const unit = text.charCodeAt(at)
    if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return at
    at++
  }
}

/** From an opening quote to after the closing one. */
function skipString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let before = quote
    while (text.charCodeAt(before - 1) === BACKSLASH) before--
    if ((quote - before) % 2 === 0) return quote + 1
  }
  return text.length
}

function skipValue(text: string, at: number): number {
  const first = text.charCodeAt(at)
  if (first === QUOTE) return skipString(text, at)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return skipScalar(text, at)
  let depth = 0
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      at = skipString(text, at)
      continue
    }
    if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth++
    else if ((unit === CLOSE_BRACE || unit === CLOSE_BRACKET) && --depth === 0) return at + 1
    at++
  }
  return at
}

function skipScalar(text: string, at: number): number {
  while (at < text.length) {
    const unit = text.charCodeAt(at)
    if (unit === COMMA || unit === CLOSE_BRACE || unit === CLOSE_BRACKET || unit <= 0x20) return at
    at++
  }
  return at
}
