import { expect, it } from 'vitest'
import type { AnswerFacts, StreamEvent } from '@headrace/contract'
import { openAiCompletions } from './translation.ts'

const decode = (body: object) => openAiCompletions.decodeRequest(Buffer.from(JSON.stringify({ model: 'm', ...body })))

it('a prompt is what the user says, and everything else is asked for as it was', () => {
  const call = decode({ prompt: ['Köln "is"'], stream: true, stream_options: { include_usage: true }, max_tokens: 7, temperature: 0.50, stop: ['x'], n: 2, seed: 3, suffix: '', echo: false, logit_bias: { 1: -1 }, best_of: 1, logprobs: 0 })
  expect(call).toMatchObject({
    ok: true,
    value: {
      items: [{ type: 'message', role: 'user', parts: [{ type: 'text', text: 'Köln "is"' }] }], stream: true, includeUsage: true, maxTokens: 7, temperature: '0.5', stop: ['x'], choices: 2, seed: '3', unheld: ['best_of', 'logprobs'],
    },
  })
  expect(call.ok && [...call.value.extras]).toEqual([['logit_bias', '{"1":-1}']])
})

it.each([[{}, '"prompt"'], [{ prompt: ['a', 'b'] }, 'one text'], [{ prompt: [1, 2] }, 'one text'], [{ prompt: 'a', suffix: 's' }, '"suffix"'], [{ prompt: 'a', echo: true }, '"echo"']])('%j cannot be said to a model of conversations: %s', (body, words) => {
  const call = decode(body)
  expect(call.ok ? '' : call.error.message).toContain(words)
})

const FACTS: AnswerFacts = { requestId: 'r', model: 'm', created: 5, includeUsage: true }
const EVENTS: readonly StreamEvent[] = [
  { type: 'start', id: 'a', model: 'served', created: 6 }, { type: 'reasoning-delta', choice: 0, item: 0, text: 'hm' }, { type: 'text-delta', choice: 0, item: 1, text: 'Kö' }, { type: 'text-delta', choice: 1, item: 0, text: 'B' },
  { type: 'text-delta', choice: 0, item: 1, text: 'ln' }, { type: 'finish', choice: 0, reason: 'length', raw: 'MAX', sequence: '' }, { type: 'finish', choice: 1, reason: 'stop', raw: 'STOP', sequence: '' },
  { type: 'usage', usage: { inputTokens: 3, outputTokens: 2, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: 1 } }, { type: 'end' },
]
const written = (stream: boolean): string => {
  const encoder = openAiCompletions.createEncoder(stream, FACTS)
  return Buffer.from(EVENTS.map(event => encoder.event(event)).join(''), 'latin1').toString()
}

it('an answer is the text of each choice, whole', () => {
  expect(JSON.parse(written(false))).toMatchObject({
    id: 'a', object: 'text_completion', created: 6, model: 'served', usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    choices: [{ index: 0, text: 'Köln', logprobs: null, finish_reason: 'length' }, { index: 1, text: 'B', logprobs: null, finish_reason: 'stop' }],
  })
})

it('and as a stream', () => {
  const events = written(true).trim().split('\n\n').map(event => event.slice('data: '.length))
  expect(events.at(-1)).toBe('[DONE]')
  const chunks = events.slice(0, -1).map(event => JSON.parse(event) as { readonly object: string, readonly choices: readonly { readonly index: number, readonly text: string, readonly finish_reason: string | null }[], readonly usage?: unknown })
  expect(chunks.flatMap(({ choices }) => choices.map(({ index, text, finish_reason: finish }) => [index, text, finish]))).toEqual([[0, 'Kö', null], [1, 'B', null], [0, 'ln', null], [0, '', 'length'], [1, '', 'stop']])
  expect(chunks.every(({ object }) => object === 'text_completion')).toBe(true)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 5 } })
})
