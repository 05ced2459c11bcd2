import { describe, expect, it } from 'vitest'
import { boundaryOf, FormWatch } from './form-watch.ts'

const field = (name: string, value: string, more = ''): string => `--b\r\ncontent-disposition: form-data; ${name}${more}\r\n\r\n${value}\r\n`
const MODEL = field('name="model"', 'tiny/é')
const FILE = field('name="file"', 'bytes\r\n-- --b \r\n-b', '; filename="a.mp3"')
const END = '--b--\r\n'

/** The form in pieces of so many bytes. */
function watched(form: string, piece: number): { readonly watch: FormWatch, readonly problem: string | null } {
  const bytes = Buffer.from(form)
  const watch = new FormWatch('b')
  for (let at = 0; at < bytes.length; at += piece) {
    const error = watch.push(bytes.subarray(at, at + piece))
    if (error !== null) return { watch, problem: error.message }
  }
  return { watch, problem: null }
}

describe.each([{ piece: 1 }, { piece: 2 }, { piece: 7 }, { piece: 100_000 }])('a form in pieces of $piece', ({ piece }) => {
  it.each([
    { what: 'before the file', form: MODEL + FILE + END },
    { what: 'after the file', form: FILE + MODEL + END },
    { what: 'without quotes', form: field('name=model', 'tiny/é') + END },
    { what: 'after a field that is empty', form: field('name="prompt"', '') + MODEL + END },
    { what: 'after a line that nobody reads', form: `preamble\r\n${MODEL}${END}` },
  ])('shows its model and where it stands: $what', ({ form }) => {
    const { watch, problem } = watched(form, piece)
    expect(problem).toBeNull()
    expect(watch.model?.name).toBe('tiny/é')
    expect(Buffer.from(form).subarray(watch.model?.start, watch.model?.end).toString()).toBe('tiny/é')
    expect(watch.ended).toBe(true)
  })

  it.each([
    { what: 'two models', form: MODEL + FILE + MODEL + END, says: /more than one/ },
    { what: 'a second one in capitals', form: MODEL + field('name="MODEL"', 'x') + END, says: /more than one/ },
    { what: 'a name that is encoded', form: MODEL + field('name*=utf-8\'\'model', 'x') + END, says: /plain name/ },
    { what: 'a name with a backslash', form: field('name="mo\\del"', 'x') + END, says: /plain name/ },
    { what: 'a part without name', form: '--b\r\ncontent-type: a/b\r\n\r\nx\r\n--b--', says: /plain name/ },
    { what: 'a line that only begins with the boundary', form: `${MODEL}--bx\r\n${END}`, says: /goes on otherwise/ },
    { what: 'a model without end', form: field('name="model"', 'x'.repeat(3_000)) + END, says: /longer than 1024/ },
    { what: 'headers without end', form: `--b\r\nx: ${'y'.repeat(9_000)}\r\n\r\n`, says: /longer than 8192/ },
  ])('is refused for $what', ({ form, says }) => {
    expect(watched(form, piece).problem).toMatch(says)
  })
})

/** Line breaks and beginnings of a delimiter wherever a piece may end. */
const LONG = field('name="file"', '\r\n--a-\r\n'.repeat(3_000), '; filename="a.mp3"')

it.each([1, 11, 4_095, 4_096, 4_097, 5_000, 16_384, 65_536])('a long file in pieces of %i hides no model, before or after it', piece => {
  for (const form of [MODEL + LONG + END, LONG + MODEL + END, LONG + MODEL + LONG + END]) {
    const { watch, problem } = watched(form, piece)
    expect([problem, Buffer.from(form).subarray(watch.model?.start, watch.model?.end).toString(), watch.ended]).toEqual([null, 'tiny/é', true])
  }
  expect(watched(MODEL + LONG + MODEL + END, piece).problem).toMatch(/more than one/)
})

it.each([
  { type: 'multipart/form-data; boundary=abc', boundary: 'abc' },
  { type: 'Multipart/Form-Data; charset=utf-8; boundary="a b"', boundary: 'a b' },
  { type: 'multipart/form-data', boundary: null },
  { type: 'application/json; boundary=abc', boundary: null },
])('$type has the boundary $boundary', ({ type, boundary }) => {
  expect(boundaryOf(type)).toBe(boundary)
})
