import { expect, it } from 'vitest'
import type { KeptAnswer, Principal } from '@headrace/contract'
import { deriveKeys } from './request-key.ts'
import { openAnswer, sealAnswer } from './sealed-answer.ts'

const who: Principal = { tenant: 't', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key' }
const keys = deriveKeys(who, 'token', 'x')
const ANSWER: KeptAnswer = { status: 207, headers: 'content-type: text/event-stream\r\nheadrace-target: secret/target\r\n', stream: true, body: Buffer.from(Uint8Array.from({ length: 512 }, (_, index) => index % 256)) }

it.each([['every byte', ANSWER], ['an empty body', { ...ANSWER, body: Buffer.alloc(0) }]])('an answer is opened as it was sealed: %s', (_, answer) => {
  const opened = openAnswer(keys, sealAnswer(keys, answer))
  expect({ ...opened, body: opened?.body.toString('hex') }).toEqual({ ...answer, body: answer.body.toString('hex') })
})

it('shows nothing of what it says, and never looks the same twice', () => {
  const sealed = sealAnswer(keys, { ...ANSWER, body: Buffer.from('canary '.repeat(100)) }).latin1Slice()
  for (const part of ['canary', 'event-stream', 'target', '207']) expect(sealed).not.toContain(part)
  expect(sealAnswer(keys, ANSWER).equals(sealAnswer(keys, ANSWER))).toBe(false)
})

it.each<[string, (sealed: Buffer) => Buffer | null]>([
  ['by another key', sealed => openAnswer(deriveKeys(who, 'token', 'y'), sealed)?.body ?? null],
  ['by another token', sealed => openAnswer(deriveKeys(who, 'other', 'x'), sealed)?.body ?? null],
  ['under another name', sealed => openAnswer({ ...keys, name: { tenant: 'u', id: keys.name.id } }, sealed)?.body ?? null],
  ['when its last byte is gone', sealed => openAnswer(keys, sealed.subarray(0, -1))?.body ?? null],
  ['when it is empty', () => openAnswer(keys, Buffer.alloc(0))?.body ?? null],
  ['when all but its tag is gone', sealed => openAnswer(keys, sealed.subarray(-28))?.body ?? null],
  ['when a bit has changed', sealed => { sealed.writeUInt8(sealed.readUInt8(40) ^ 4, 40); return openAnswer(keys, sealed)?.body ?? null }],
])('is not opened %s', (_, open) => {
  expect(open(sealAnswer(keys, ANSWER))).toBeNull()
})
