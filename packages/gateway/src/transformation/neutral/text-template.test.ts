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
