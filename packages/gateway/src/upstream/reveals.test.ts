import { expect, test } from 'vitest'
import { reveals } from './reveals.ts'

const SECRET = 'sk-a/b+c?d~canary>0123456789'
const LINE = `authorization: Bearer ${SECRET}\r\n`
const hidden = (text: string): string => `{"error":{"message":"Incorrect key ${text} given"}}`

test.each([
  ['as it is', SECRET],
  ['escaped for JSON', SECRET.replaceAll('/', '\\/')],
  ['as JSON escapes', [...SECRET].map(char => `\\u00${char.charCodeAt(0).toString(16)}`).join('')],
  ['URL-encoded', encodeURIComponent(SECRET)],
  ['in hexadecimal', Buffer.from(SECRET).toString('hex').toUpperCase()],
  ['in base64', Buffer.from(SECRET).toString('base64')],
  ['in base64 with a byte before', Buffer.from(`:${SECRET}`).toString('base64')],
  ['in base64 with two bytes before and more behind', Buffer.from(`a:${SECRET}:b`).toString('base64')],
  ['in base64url', Buffer.from(SECRET).toString('base64url')],
])('finds a secret %s', (_how, form) => expect(reveals(LINE, hidden(form))).toBe(true))

test.each([
  ['nothing of it', LINE, hidden('sk-...6789')],
  ['another key', LINE, hidden('sk-another-key-0123456789')],
  ['a secret too short to tell', 'x-api-key: abc\r\n', hidden('abc')],
])('lets pass %s', (_what, line, text) => expect(reveals(line, text)).toBe(false))

test('knows a vendor\'s own header', () => expect(reveals(`x-api-key: ${SECRET}\r\n`, hidden(SECRET))).toBe(true))
