import { describe, expect, it } from 'vitest'
import type { AnswerEncoder, StreamEvent } from '@headrace/contract'
import { MessageJsonEncoder, MessageStreamEncoder } from '../anthropic-messages/encode-answer.ts'
import { ChatJsonEncoder, ChatStreamEncoder } from '../openai-chat/encode-answer.ts'

const FACTS = { requestId: 'r', model: 'm', created: 1, includeUsage: false, array: false }
const logprobs = (token: string): StreamEvent => ({ type: 'logprobs', choice: 0, item: 0, dialect: 'openai-chat', value: { content: [{ token, logprob: -0.5, bytes: null, top_logprobs: [] }], refusal: null } })
const CITATION = { type: 'char_location', cited_text: 'é', document_index: 0 }
const EVENTS: readonly StreamEvent[] = [
  { type: 'start', id: 'a', model: 'm', created: 1 },
  { type: 'text-delta', choice: 0, item: 0, text: 'ab' }, logprobs('a'), logprobs('b'),
  { type: 'citation', choice: 0, item: 0, dialect: 'anthropic-messages', value: CITATION },
  { type: 'item-end', choice: 0, item: 0 }, { type: 'finish', choice: 0, reason: 'stop', raw: 'stop', sequence: '' }, { type: 'end' },
]
const written = (encoder: AnswerEncoder): string => EVENTS.map(event => encoder.event(event)).join('')
const streamed = (encoder: AnswerEncoder): Record<string, unknown>[] => written(encoder).split('\n').filter(line => line.startsWith('data: {')).map(line => JSON.parse(Buffer.from(line.slice(6), 'latin1').toString()) as Record<string, unknown>)

describe('values of one dialect', () => {
  it('reach a client of Chat Completions as log probabilities, and no citations', () => {
    const tokens = [{ token: 'a' }, { token: 'b' }]
    const answer = JSON.parse(written(new ChatJsonEncoder(FACTS))) as Record<string, unknown>
    expect(answer).toMatchObject({ choices: [{ logprobs: { content: tokens, refusal: null } }] })
    expect(streamed(new ChatStreamEncoder(FACTS)).flatMap(chunk => (chunk['choices'] as { logprobs: { content: unknown[] } | null }[]).flatMap(choice => choice.logprobs?.content ?? []))).toMatchObject(tokens)
    expect(written(new ChatStreamEncoder(FACTS))).not.toContain('char_location')
  })

  it('reach a client of Messages as citations, and no log probabilities', () => {
    expect(JSON.parse(Buffer.from(written(new MessageJsonEncoder(FACTS)), 'latin1').toString())).toMatchObject({ content: [{ type: 'text', text: 'ab', citations: [CITATION] }] })
    expect(streamed(new MessageStreamEncoder(FACTS))).toContainEqual({ type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation: CITATION } })
    expect(written(new MessageStreamEncoder(FACTS))).not.toContain('logprob')
  })
})
