import { describe, expect, it } from 'vitest'
import { TextTemplate } from './text-template.ts'

const event = (text: string, more = ''): string => `{"id":"1","delta":{"content":${JSON.stringify(text)}}${more}}`

describe('a learned spelling of text events', () => {
  it.each(['b', '', 'a "quoted" word', 'line\nbreak', 'back\\slash', 'é模🚀', '"}}', '\\u0041'])('reads %j as parsing does', text => {
    const template = new TextTemplate()
    template.learn(event('a'), 'content', 'a')
    expect(template.match(event(text))).toBe(text)
  })

  it.each([
    ['another member behind', event('b', ',"finish":"stop"')],
    ['another id', event('b').replace('"1"', '"2"')],
    ['two texts', '{"id":"1","delta":{"content":"b","content":"c"}}'],
    ['a member between', '{"id":"1","delta":{"content":"b","x":"c"}}'],
    ['a broken escape', '{"id":"1","delta":{"content":"\\x"}}'],
    ['a cut event', '{"id":"1","delta":{"content":"b'],
  ])('does not take %s for one', (_what, data) => {
    const template = new TextTemplate()
    template.learn(event('a'), 'content', 'a')
    expect(template.match(data)).toBeNull()
  })

  it.each([
    ['the name twice', '{"content":"a","delta":{"content":"a"}}', 'a'],
    ['an escape', '{"x":"\\n","content":"a"}', 'a'],
    ['blanks', '{"content" : "a"}', 'a'],
    ['another text', '{"content":"b"}', 'a'],
  ])('does not learn from %s', (_what, data, text) => {
    const template = new TextTemplate()
    template.learn(data, 'content', text)
    expect(template.match(data)).toBeNull()
  })
})

describe('members that differ from event to event and tell nothing', () => {
  const numbered = (text: string, number: string | number, padding = 'aXd3'): string => `{"type":"delta","sequence_number":${number},"delta":${JSON.stringify(text)},"logprobs":[],"obfuscation":"${padding}"}`
  const learned = (): TextTemplate => {
    const template = new TextTemplate('sequence_number', 'obfuscation', 'created_at')
    template.learn(numbered('a', 7), 'delta', 'a')
    return template
  }

  it.each(['b', '', 'a "quoted" word', 'ends in a backslash \\', '","logprobs":[],"obfuscation":"', '"}', '水'])('are passed over, before and behind the text %j', text => {
    expect(learned().match(numbered(text, 12_345, ''))).toBe(text)
  })

  it.each([
    ['a number that is none', numbered('b', '"8"')],
    ['padding with an escape', numbered('b', 8, '\\"')],
    ['padding that ends early', numbered('b', 8, 'x","more":"y')],
    ['log probabilities', numbered('b', 8).replace('[]', '[1]')],
    ['a text without an end', numbered('b', 8).slice(0, 40)],
    ['something behind', `${numbered('b', 8)} `],
  ])('do not hide %s', (_what, data) => {
    expect(learned().match(data)).toBeNull()
  })

  it('may stand in a time', () => {
    const line = (text: string, time: string): string => `{"model":"m","created_at":"${time}","message":{"content":"${text}"},"done":false}`
    const template = new TextTemplate('created_at')
    template.learn(line('a', '2026-01-02T03:04:05.678901Z'), 'content', 'a')
    expect(template.match(line('b', '2026-01-02T03:04:06.1+00:00'))).toBe('b')
  })
})
