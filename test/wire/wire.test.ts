import { readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readCase, renderCase, translateAnswer, translateRequest } from './wire-case.ts'

/** `HEADRACE_WIRE=write` writes what comes out into the files, to be read before it is committed. */
const WRITE = process.env['HEADRACE_WIRE'] === 'write'
const root = new URL('.', import.meta.url)
const folders = readdirSync(root, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => entry.name)
const cases = folders.flatMap(folder => readdirSync(new URL(`${folder}/`, root)).map(name => ({ name: `${folder}/${name}`, folder, path: new URL(`${folder}/${name}`, root).pathname })))

describe.each(cases)('$name', ({ folder, path }) => {
  const wire = readCase(folder, path)
  const reads = wire.reads.map(read => Buffer.from(read))

  it('sends the provider what it should, and gives the client what it should', () => {
    const request = translateRequest(wire).text
    const answer = translateAnswer(wire, reads)
    if (WRITE) return writeFileSync(path, renderCase(wire, request, answer))
    expect(request).toBe(wire.expectedRequest)
    expect(answer).toBe(wire.expectedAnswer)
  })

  it('gives the same one byte at a time, and cut at every boundary', () => {
    const expected = translateAnswer(wire, reads)
    expect(translateAnswer(wire, reads.flatMap(read => Array.from(read, byte => Buffer.of(byte))))).toBe(expected)
    for (const [index, read] of reads.entries()) {
      for (let cut = 1; cut < read.length; cut++) {
        const pieces = [...reads.slice(0, index), read.subarray(0, cut), read.subarray(cut), ...reads.slice(index + 1)]
        const got = translateAnswer(wire, pieces)
        if (got !== expected) expect(got, `cut at ${cut} of read ${index}`).toBe(expected)
      }
    }
  })

  it('gives the same with other line ends', () => {
    if (!wire.contentType.startsWith('text/event-stream')) return
    const expected = translateAnswer(wire, reads)
    for (const end of ['\r\n', '\r']) expect(translateAnswer(wire, wire.reads.map(read => Buffer.from(read.replaceAll('\n', end))))).toBe(expected)
    expect(translateAnswer(wire, wire.reads.map((read, index) => Buffer.from(`${index === 0 ? '\ufeff' : ''}: comment\n${read}`)))).toBe(expected)
  })
})
