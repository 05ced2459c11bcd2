import { expect, it } from 'vitest'
import { packHeaded, unpackHeaded } from './headed-bytes.ts'

it.each([
  [{ a: 1 }, null], [{ text: 'two\nlines ü' }, Buffer.from('x\ny\n')], [{}, Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))],
])('%j and its bytes come out as they went in', (head, bytes) => {
  expect(unpackHeaded(packHeaded(head, bytes))).toEqual({ head, bytes: bytes ?? Buffer.alloc(0) })
})

it.each(['', 'no line', '{"half":\n', '\n'])('%j is nothing that was packed', text => expect(unpackHeaded(Buffer.from(text))).toBeNull())
