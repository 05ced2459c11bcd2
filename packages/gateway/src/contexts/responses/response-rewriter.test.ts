import { expect, it } from 'vitest'
import { JsonView } from '@headrace/bytes'
import { ResponseRewriter } from './response-rewriter.ts'

const KEY = 'b'.repeat(32)
const rewriter = (): ResponseRewriter => new ResponseRewriter(KEY, new Map([['id', `"resp_${KEY}"`], ['store', 'true'], ['previous_response_id', 'null']]), () => 'one')
const event = (type: string, facts: object, cr = ''): string => `event: ${type}${cr}\ndata: ${JSON.stringify({ type, sequence_number: 0, ...facts })}${cr}\n${cr}\n`

it.each([['LF', ''], ['CRLF', '\r']])('says a stream under ids of its own, and everything else as it came (%s)', (_, cr) => {
  const ours = rewriter()
  const item = { id: 'msg_1', type: 'message', content: [{ type: 'output_text', text: '"id":"msg_1" resp_1' }] }
  const told = [
    event('response.created', { response: { id: 'resp_1', status: 'in_progress', new_field: 1.5, output: [], store: false } }, cr),
    event('response.output_item.added', { output_index: 1, item: { id: 'msg_1', type: 'message', content: [] } }, cr),
    event('response.output_text.delta', { item_id: 'msg_1', delta: '"id":"msg_1"' }, cr),
    event('response.output_item.added', { output_index: 0, item: { id: '', type: 'reasoning' } }, cr),
    event('response.completed', { response: { id: 'resp_1', status: 'completed', output: [{ type: 'reasoning', encrypted_content: 'e' }, item] } }, cr),
  ].map(text => ours.event(text))
  const id = `msg_${KEY}_1`
  expect(told.slice(0, 4)).toEqual([
    event('response.created', { response: { id: `resp_${KEY}`, status: 'in_progress', new_field: 1.5, output: [], store: true, previous_response_id: null } }, cr),
    event('response.output_item.added', { output_index: 1, item: { id, type: 'message', content: [] } }, cr),
    event('response.output_text.delta', { item_id: id, delta: '"id":"msg_1"' }, cr),
    event('response.output_item.added', { output_index: 0, item: { id: '', type: 'reasoning' } }, cr),
  ])
  const ended = JSON.parse(/^data: (.*)$/m.exec(told[4] ?? '')?.[1] ?? '') as { response: unknown }
  expect(ended.response).toEqual({ id: `resp_${KEY}`, status: 'completed', output: [{ id: `rs_${KEY}_0`, type: 'reasoning', encrypted_content: 'e' }, { ...item, id, status: 'completed' }], store: true, previous_response_id: null })
  expect(ours.ended?.output[0]).toBe(`{"id":"rs_${KEY}_0","headrace_provider":"one","type":"reasoning","encrypted_content":"e"}`)
})

it.each([['completed', true], ['incomplete', true], ['failed', false], ['in_progress', false], ['queued', false]])('takes a response that is %s for whole: %s', (status, whole) => {
  const ours = rewriter()
  ours.response(JsonView.parse(`{"id":"resp_1","status":"${status}","output":[]}`) as JsonView)
  expect(ours.ended !== null).toBe(whole)
})
