/** Texts that stand in a JSON string as they are. */
const PLAIN = /^[^"\\\x00-\x1f]*$/

/**
 * How a stream spells the events that add text: all but the text is the same from one to the next, and parsing it again and again is most of what
 * translating a stream costs. An event that begins and ends like the one that was learned, with one string's inside between, says the same but for the text.
 */
export class TextTemplate {
  #head = ''
  #tail = ''

  /** The text of an event that is spelled like the one learned; null = it is not: parse it. */
  match(data: string): string | null {
    const head = this.#head
    const end = data.length - this.#tail.length
    if (head === '' || end < head.length || !data.startsWith(head) || !data.endsWith(this.#tail)) return null
    const inner = data.slice(head.length, end)
    if (PLAIN.test(inner)) return inner
    try {
      // A quote that is not escaped would end the string early, and is an error here. A string parses to a string.
      return JSON.parse(`"${inner}"`) as string
    } catch {
      return null
    }
  }

  /** `data` parsed to an event that says nothing but `text`, in the member `name`. What is spelled in an odd way is not learned. */
  learn(data: string, name: string, text: string): void {
    const member = `"${name}":"`
    const at = data.indexOf(member)
    const head = at + member.length
    this.#head = ''
    if (at < 0 || data.includes('\\') || data.indexOf(`${name}"`, head) >= 0 || !data.startsWith(`${text}"`, head)) return
    this.#head = data.slice(0, head)
    this.#tail = data.slice(head + text.length)
  }
}
