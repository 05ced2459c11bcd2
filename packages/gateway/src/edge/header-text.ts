import { STATUS_CODES } from 'node:http'

/** RFC 9110 5.6.2 `token`, as one character class. */
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** RFC 9110 5.5 field value: no control bytes but HTAB. Latin1 text: obs-text is 0x80-0xff. */
const VALUE = '[\\t\\x20-\\x7e\\x80-\\xff]*'
const BLOCK = new RegExp(`^(?:${TOKEN}:${VALUE}\\r\\n)*$`)
const FIELD_VALUE = new RegExp(`^${VALUE}$`)
const TOKENS = new RegExp(`^${TOKEN}(?:[ \\t]*,[ \\t]*${TOKEN})*$`)
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** True if `text` is nothing but whole header lines: no bare CR or LF, no NUL, no blank line that would end the head early. */
export function isHeaderBlock(text: string): boolean {
  return BLOCK.test(text)
}

/** True if `value` can stand in a header line: a request's CR, LF or NUL can never begin a line of an answer. */
export function isFieldValue(value: string): boolean {
  return FIELD_VALUE.test(value)
}

/** True if `value` is a comma-separated list of tokens (header names, for instance). */
export function isTokenList(value: string): boolean {
  return TOKENS.test(value)
}

/** True if an id sent by a client may be echoed. */
export function isRequestId(value: string | undefined): value is string {
  return value !== undefined && REQUEST_ID.test(value)
}

const statusLines = new Map<number, string>()

/** `HTTP/1.1 200 OK` with its CRLF. Built once per status. */
export function statusLine(status: number): string {
  const known = statusLines.get(status)
  if (known !== undefined) return known
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
  statusLines.set(status, line)
  return line
}

/** Header lines as the flat name/value list that `ServerResponse.writeHead` takes. The text has passed `isHeaderBlock`. */
export function headerList(text: string): string[] {
  const list: string[] = []
  let start = 0
  while (start < text.length) {
    const end = text.indexOf('\r\n', start)
    const colon = text.indexOf(':', start)
    list.push(text.slice(start, colon), text.slice(colon + 1, end).trim())
    start = end + 2
  }
  return list
}
