import type { ResponseHead } from '@headrace/contract'

/** A validated head as text, searched only when somebody asks. Safe to keep: it shares nothing with the read buffer. */
export class HeadText implements ResponseHead {
  /** Status line and header lines, each ending in CRLF. */
  readonly #text: string
  #lower = ''

  constructor(text: string) {
    this.#text = text
  }

  header(name: string): string | undefined {
    // Lower-casing keeps the length of latin1 text, so positions hold in both.
    if (this.#lower === '') this.#lower = this.#text.toLowerCase()
    const line = this.#lower.indexOf(`\r\n${name}:`)
    if (line === -1) return undefined
    const start = line + name.length + 3
    return this.#text.slice(start, this.#text.indexOf('\r\n', start)).trim()
  }
}
