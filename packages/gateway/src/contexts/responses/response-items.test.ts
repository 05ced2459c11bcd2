import { describe, expect, it } from 'vitest'
import { JsonView } from '@headrace/bytes'
import { idOf, inputItems, ownId, promptItem, shownItem, storedText } from './response-items.ts'

const KEY = 'a'.repeat(32)
const view = (json: string): JsonView => JsonView.parse(json) as JsonView
const items = (json: string): readonly string[] => {
  const read = inputItems(view(json), KEY)
  return read.ok ? read.value : [read.error.param ?? '']
}

describe('items of responses', () => {
  it.each([
    ['a text', '"hi \\u00e9"', `{"id":"msg_${KEY}_i0","type":"message","role":"user","content":[{"type":"input_text","text":"hi \\u00e9"}]}`],
    ['a message without a type', '[{"role": "user", "content": "a b"}]', `{"id":"msg_${KEY}_i0","type":"message","role":"user","content":[{"type":"input_text","text":"a b"}]}`],
    ['what the model said', '[{"role":"assistant","content":"x"}]', `{"id":"msg_${KEY}_i0","type":"message","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[]}]}`],
    ['an item with an id', '[{"type":"function_call","id":"fc_1","arguments":"{ }","call_id":"c","name":"n"}]', '{"id":"fc_1","type":"function_call","arguments":"{ }","call_id":"c","name":"n"}'],
    ['an id that is unfit', '[{"type":"function_call","id":"\\"","call_id":"c"}]', `{"id":"fc_${KEY}_i0","type":"function_call","call_id":"c"}`],
    ['a kind that nobody knows', '[{ "b": 1.0, "type": "new_kind", "a": [1e2] }]', `{"id":"item_${KEY}_i0","b":1.0,"type":"new_kind","a":[1e2]}`],
    ['a claim to know who thought', '[{"type":"reasoning","id":"rs_1","headrace_provider":"x","encrypted_content":"e"}]', '{"id":"rs_1","type":"reasoning","encrypted_content":"e"}'],
  ])('reads %s', (_, input, item) => expect(items(input)).toEqual([item]))

  it('refuses what is no item', () => expect([items('[{},1]'), items('1'), items('null')]).toEqual([['input[1]'], ['input'], []]))

  it('asks a model with an item without its id', () => expect(promptItem('{"id":"msg_1","type":"message","role":"user","content":[]}', null)).toBe('{"type":"message","role":"user","content":[]}'))

  it.each<[string, string, string, string | null, boolean]>([
    ['by this provider', '"encrypted_content":"e"', 'one', 'one', true],
    ['by another one', '"encrypted_content":"e"', 'two', 'one', false],
    ['by one, where targets are of several', '"encrypted_content":"e"', 'one', '', false],
    ['by anybody, where dialects tell them apart', '"encrypted_content":"e"', 'one', null, true],
    ['by whom the client does not say', '"encrypted_content":"e"', '', 'one', true],
    ['and not sealed', '"encrypted_content":null', 'one', 'one', false],
  ])('keeps a thought, thought %s, where it is understood', (_, sealed, thinker, target, kept) => {
    const item = ownId(view(`{"type":"reasoning","id":"rs_9","summary":[],${sealed}}`), 'rs_1', thinker)
    expect(promptItem(item, target)).toBe(kept ? `{"type":"reasoning","summary":[],${sealed}}` : '')
    expect(shownItem(item)).toBe(`{"id":"rs_1","type":"reasoning","summary":[],${sealed}}`)
  })

  it('shows what it keeps, with a status where the vendor has one', () => {
    const [item = ''] = items('"x"')
    expect(JSON.parse(shownItem(item))).toEqual({ id: idOf(item), type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }], status: 'completed' })
  })

  it('finds what people read', () => {
    const [item = ''] = items(Buffer.from('[{"role":"user","content":[{"type":"input_text","text":"é"},{"type":"input_image","image_url":"data:"}]}]').latin1Slice())
    expect(storedText(item)).toEqual({ bytes: Buffer.from(item, 'latin1'), text: 'é' })
  })
})
