import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OverlapTrim } from './overlap-trim.ts'

/** What comes out for a text that arrives in the given pieces; null = begun anew and different. */
function joined(said: string, pieces: readonly string[], prefilled = false): string | null {
  const trim = new OverlapTrim(said, prefilled)
  let out = ''
  for (const piece of pieces) {
    const text = trim.push(piece)
    if (text === null) return null
    out += text
  }
  const rest = trim.end()
  return rest === null ? null : out + rest
}

describe('a text that goes on from another', () => {
  it.each([
    { it: 'goes on exactly', said: 'The quick brown fox', next: ' jumps.', prefilled: false, is: ' jumps.' },
    { it: 'repeats the last words', said: 'The quick brown fox', next: 'brown fox jumps.', prefilled: false, is: ' jumps.' },
    { it: 'repeats all of it', said: 'The quick brown fox', next: 'The quick brown fox jumps.', prefilled: false, is: ' jumps.' },
    { it: 'begins with a letter that the other ended with', said: 'hel', next: 'lo', prefilled: false, is: 'lo' },
    { it: 'says a word twice on purpose', said: 'He said no', next: ' no', prefilled: false, is: ' no' },
    { it: 'draws a line further', said: 'a\n----------', next: '----------\nb', prefilled: false, is: '----------\nb' },
    { it: 'indents another line', said: 'if x:\n        y\n        ', next: '        z', prefilled: false, is: '        z' },
    { it: 'goes on with a table', said: '| a | b | c |\n| --- | ---', next: ' | --- |\n', prefilled: false, is: ' | --- |\n' },
    { it: 'was begun anew and came out differently', said: 'It was the best of times, it was the worst of times', next: 'It was the best of times, it was a good one', prefilled: false, is: null },
    { it: 'goes on with the space that the prefill had to leave out', said: 'one two ', next: ' three', prefilled: true, is: 'three' },
    { it: 'goes on without it', said: 'one two ', next: 'three', prefilled: true, is: 'three' },
    { it: 'echoes the prefill', said: 'one two three', next: 'one two three four', prefilled: true, is: ' four' },
    { it: 'is prefilled, and what looks like an overlap is none', said: 'la la la la', next: ' la la la la!', prefilled: true, is: ' la la la la!' },
    { it: 'has nothing to add', said: 'The end is here.', next: 'The end is here.', prefilled: false, is: '' },
  ])('$it', ({ said, next, prefilled, is }) => {
    expect(joined(said, [next], prefilled)).toBe(is)
    expect(joined(said, [...next], prefilled)).toBe(is)
  })

  it('comes out the same, wherever it is cut', () => {
    const word = fc.constantFrom('a', 'ab', ' ', 'the ', 'fox ', 'é', '\n')
    const text = fc.array(word, { maxLength: 30 }).map(words => words.join(''))
    fc.assert(fc.property(text, text, fc.boolean(), fc.array(fc.nat(30), { maxLength: 4 }), (said, next, prefilled, cuts) => {
      const at = [...new Set(cuts.map(cut => Math.min(cut, next.length)))].sort((left, right) => left - right)
      const pieces = [0, ...at].map((from, index) => next.slice(from, at[index] ?? next.length))
      expect(joined(said, pieces, prefilled)).toBe(joined(said, [next], prefilled))
    }))
  })
})
