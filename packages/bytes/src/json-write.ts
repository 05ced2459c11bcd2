/** A JSON text that goes into another one as it is. */
export class RawJson {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** What `writeJson` takes. Members that are undefined are left out. */
export type Writable = string | number | boolean | null | undefined | RawJson | readonly Writable[] | { readonly [name: string]: Writable }

const NOT_ASCII = /[^\x00-\x7f]/
const NAME_LIMIT = 1_000
const NAME_CHARS = 64
/** Names of members as they stand in JSON, colon included: nearly all are our own, and few. */
const names = new Map<string, string>()

/** JSON text of a value in which raw JSON may stand. Recursion is as deep as the value that our own code built; raw text is not looked into. */
export function writeJson(value: Writable): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  if (value instanceof RawJson) return value.text
  let text = ''
  if (Array.isArray(value)) {
    for (const element of value as readonly Writable[]) text += text === '' ? writeJson(element) : `,${writeJson(element)}`
    return `[${text}]`
  }
  const members = value as { readonly [name: string]: Writable }
  for (const name of Object.keys(members)) {
    const member = members[name]
    if (member !== undefined) text += (text === '' ? '' : ',') + (names.get(name) ?? writeName(name)) + writeJson(member)
  }
  return `{${text}}`
}

function writeName(name: string): string {
  const written = `${JSON.stringify(name)}:`
  if (names.size < NAME_LIMIT && name.length <= NAME_CHARS) names.set(name, written)
  return written
}

/** A text's UTF-8 bytes as latin1, one char each: the form in which bodies travel. */
export function utf8AsLatin1(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').latin1Slice() : text
}
