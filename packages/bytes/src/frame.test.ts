import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader, packFrame } from './frame.ts'

const MOST = 1_000_000

describe('a frame', () => {
  it.each<[string, object]>([
    ['plain data', { a: 1, b: [true, null, 'é'], c: {} }],
    ['bytes at every depth, in order', { a: Buffer.from('one'), list: [{ bytes: Buffer.from([0, 255, 10]) }, Buffer.alloc(0)], z: Buffer.from('two') }],
  ])('gives back %s', (_, data) => {
    expect(new FrameReader(MOST).read(packFrame(data))).toEqual([data])
  })

  it('is found wherever the stream is cut', () => {
    fc.assert(fc.property(fc.array(fc.record({ text: fc.string(), bytes: fc.uint8Array().map(bytes => Buffer.from(bytes)) }), { maxLength: 5 }), fc.array(fc.nat(60)), (messages, cuts) => {
      const stream = Buffer.concat(messages.map(packFrame))
      const reader = new FrameReader(MOST)
      const read: unknown[] = []
      let at = 0
      for (const cut of [...cuts, stream.length]) read.push(...reader.read(stream.subarray(at, at = Math.min(stream.length, at + cut))))
      expect(read).toEqual(messages)
    }))
  })

  it.each<[string, Buffer]>([
    ['too long', packFrame({ a: 'x'.repeat(MOST) })],
    ['not JSON', Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 0x7b])],
    ['shorter than its bytes', Buffer.concat([Buffer.from([0, 0, 0, 16, 0, 0, 0, 12]), Buffer.from('{"$bytes":9}')])],
  ])('that is %s throws', (_, bytes) => {
    expect(() => new FrameReader(MOST).read(bytes)).toThrow()
  })
})
