import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readCase, renderCase, translateAnswer, translateRequest } from './wire-case.ts'
import { isOf, SUBJECTS, wireFiles, WIRE_PAIRS } from './wire-files.ts'

/** `HEADRACE_WIRE=write` writes what comes out into the files, to be read before it is committed. */
const WRITE = process.env['HEADRACE_WIRE'] === 'write'
/** How a blob of another vendor looks to a client. */
const SEALED = /"(headrace:|aGVhZHJhY2U6)/

const TERMINATORS: Readonly<Record<string, string>> = { 'openai-chat': 'data: [DONE]\n\n', 'anthropic-messages': 'event: message_stop\ndata: {"type":"message_stop"}\n\n' }
const cases = wireFiles()

it.each(WIRE_PAIRS)('%s has a golden case of every subject', pair => {
  expect(SUBJECTS.filter(subject => !cases.some(file => file.folder === pair && isOf(subject, file)))).toEqual([])
  expect(cases.filter(({ folder }) => folder === pair).length).toBeGreaterThanOrEqual(12)
})

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
    // The fast lane gives them as they come.
    const told = (text: string): string => wire.client !== wire.provider ? text : text.replaceAll(/\r\n?/g, '\n').replaceAll(/\ufeff?: comment\n/g, '')
    const expected = translateAnswer(wire, reads)
    for (const end of ['\r\n', '\r']) expect(told(translateAnswer(wire, wire.reads.map(read => Buffer.from(read.replaceAll('\n', end)))))).toBe(expected)
    expect(told(translateAnswer(wire, wire.reads.map((read, index) => Buffer.from(`${index === 0 ? '\ufeff' : ''}: comment\n${read}`))))).toBe(expected)
  })
})

describe.each(cases.filter(({ folder }) => folder.split('--')[0] === folder.split('--')[1]))('the fast lane, $name', ({ folder, path }) => {
  const wire = readCase(folder, path)

  it('changes nothing of the request but model, usage option, and thoughts that another vendor sealed', () => {
    const body = wire.request.slice(wire.request.startsWith('/') ? wire.request.indexOf('\n') + 1 : 0)
    const sealed = wire.expectedAnswer.includes('headrace-dropped')
    expect(sealed).toBe(SEALED.test(wire.request))
    if (sealed) return expect(wire.expectedRequest).not.toMatch(SEALED)
    // Other providers than OpenAI tell it unasked.
    const asked = wire.client === 'openai-chat' && /"stream"\s*:\s*true/.test(body) && !/"include_usage"\s*:\s*true/.test(body)
    const expected = body.replace(/("model"\s*:\s*)"[^"]*"/, `$1"${wire.client === 'google-gemini' ? 'models/' : ''}target-model"`)
    expect(wire.expectedRequest.includes('"include_usage":true') && !expected.includes('"include_usage":true')).toBe(asked)
    expect(asked ? wire.expectedRequest.replace(/"stream_options":\{"include_usage":true\},|"include_usage":true,/, '') : wire.expectedRequest).toBe(expected)
  })

  it('changes nothing of a good answer but usage that the client did not ask for, and gives the end where only that is missing', () => {
    const given = wire.reads.join('')
    const withheld = wire.client === 'openai-chat' && wire.contentType.startsWith('text/event-stream') && !/"include_usage"\s*:\s*true/.test(wire.request)
    const body = wire.expectedAnswer.slice(wire.expectedAnswer.indexOf('\n\n') + 2)
    if (!wire.expectedAnswer.startsWith('200') || body.endsWith('[cut]')) return
    const end = /\/missing-(done|stop)\.wire$/.test(path) ? TERMINATORS[wire.client] : ''
    expect(body).toBe(withheld ? given.split('\n\n').filter(event => !/"choices":\[\].*"usage":\{/.test(event)).join('\n\n') + end : given + end)
  })
})
