import { describe, expect, it } from 'vitest'
import type { StreamEvent } from '@headrace/contract'
import { AnswerCut } from './answer-cut.ts'

const text = (piece: string, item = 0): StreamEvent => ({ type: 'text-delta', choice: 0, item, text: piece })
const FINISH: StreamEvent = { type: 'finish', choice: 0, reason: 'stop', raw: 'completed', sequence: '' }

function cut(stop: readonly string[], tokens: number, events: readonly StreamEvent[]): { readonly said: string, readonly pieces: number, readonly finish: unknown, readonly rest: readonly string[] } {
  const out: StreamEvent[] = []
  const under = new AnswerCut({ stop, tokens })
  for (const event of [...events, FINISH]) under.take(event, told => { out.push(told) })
  const texts = out.flatMap(event => event.type === 'text-delta' ? [event.text] : [])
  const finish = out.find(event => event.type === 'finish')
  return { said: texts.join(''), pieces: texts.length, finish: finish?.type === 'finish' ? [finish.reason, finish.sequence] : null, rest: out.flatMap(event => event.type === 'text-delta' || event.type === 'finish' ? [] : [event.type]) }
}

describe('an answer is cut by the gateway', () => {
  it.each<[string, readonly string[], string, string, readonly [string, string]]>([
    ['before a stop sequence', ['END'], 'one END two', 'one ', ['stop-sequence', 'END']],
    ['before the first of several', ['two', 'one'], 'zero one two', 'zero ', ['stop-sequence', 'one']],
    ['never, where none is met', ['END'], 'one EN two E', 'one EN two E', ['stop', '']],
    ['at once', ['a'], 'abc', '', ['stop-sequence', 'a']],
    ['after a beginning that came to nothing', ['aab'], 'xaaab', 'xa', ['stop-sequence', 'aab']],
  ])('%s, wherever the pieces end', (_name, stop, said, expected, finish) => {
    expect(cut(stop, -1, [text(said)])).toMatchObject({ said: expected, finish })
    expect(cut(stop, -1, Array.from(said, piece => text(piece)))).toMatchObject({ said: expected, finish })
  })

  it('and holds nothing back that cannot begin a stop sequence', () => {
    expect(cut(['END'], -1, ['a', 'b', 'c'].map(piece => text(piece))).pieces).toBe(3)
  })

  it('and says nothing that came behind the cut, but for what was thought and used', () => {
    const call: StreamEvent = { type: 'tool-start', choice: 0, item: 1, id: 'c', name: 'f' }
    expect(cut(['.'], -1, [text('a.b'), call, { type: 'reasoning-delta', choice: 0, item: 2, text: 'hm' }]).rest).toEqual(['reasoning-delta'])
    expect(cut(['.'], -1, [text('a'), call]).rest).toEqual(['tool-start'])
  })

  it('not across two items', () => {
    expect(cut(['ab'], -1, [text('a', 0), text('b', 1)])).toMatchObject({ said: 'ab', finish: ['stop', ''] })
  })

  it('at so many tokens, by estimate and in whole words', () => {
    const words = 'Write a long essay about the sea.'
    expect(cut([], 3, [text(words)])).toMatchObject({ said: 'Write a long', finish: ['length', ''] })
    expect(cut([], 3, Array.from(words.match(/\s*\S+/g) ?? [], piece => text(piece)))).toMatchObject({ said: 'Write a long', finish: ['length', ''] })
    expect(cut([], 15, [text(words)])).toMatchObject({ said: words, finish: ['stop', ''] })
  })
})
