import type { ResponseHead } from '@headrace/contract'

const LF = 0x0a, COLON = 0x3a

/** A validated head as text, searched only when somebody asks. Safe to keep: it shares nothing with the read buffer. */
export class HeadText implements ResponseHead {
  /** Status line and header lines, each ending in CRLF. */
  readonly #text: string
  readonly tellsQuota: boolean
  #lower = ''

  constructor(text: string, tellsQuota: boolean) {
    this.#text = text
    this.tellsQuota = tellsQuota
  }

  header(name: string): string | undefined {
    // Lower-casing keeps the length of latin1 text, so positions hold in both.
    if (this.#lower === '') this.#lower = this.#text.toLowerCase()
    // Not for a text put together of line end, name and colon: making one costs as much as the search.
    for (let at = this.#lower.indexOf(name); at >= 0; at = this.#lower.indexOf(name, at + 1)) {
      const colon = at + name.length
      if (this.#lower.charCodeAt(at - 1) === LF && this.#lower.charCodeAt(colon) === COLON) return this.#text.slice(colon + 1, this.#text.indexOf('\r\n', colon)).trim()
    }
    return undefined
  }
}
