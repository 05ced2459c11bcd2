import { expect, it } from 'vitest'
import type { ModelFacts, Target } from '@headrace/contract'
import { openAiChatTranslation } from '../openai-chat/translation.ts'
import { encodeRequest } from './encode-request.ts'

const facts = (maxOutput: number): ModelFacts => ({
  provider: 'p', model: 'm', name: 'm', aliases: [], contextWindow: 200_000, maxOutput, input: ['text'], output: ['text'], capabilities: {}, cache: null, firstToken: 'normal', released: 0, price: null,
})

/** What is asked of a model that can write so many tokens (-1 = nobody knows, null = no entry), of a request with these members. */
function asked(maxOutput: number | null, members: object): unknown {
  const call = openAiChatTranslation.decodeRequest(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...members })))
  if (!call.ok) throw new Error(call.error.message)
  const encoded = encodeRequest(call.value, { model: 'm', facts: maxOutput === null ? null : facts(maxOutput) } as Target) // all that it reads of a target
  if (!encoded.ok) throw new Error(encoded.error.message)
  const { max_tokens, thinking } = JSON.parse(encoded.value.body) as { max_tokens: number, thinking?: { budget_tokens: number } }
  return thinking === undefined ? max_tokens : [max_tokens, thinking.budget_tokens]
}

it.each<[string, number | null, object, unknown]>([
  ['a client that says something is heard', 64_000, { max_tokens: 7 }, 7],
  ['a stream may be as long as the model can write', 64_000, { stream: true }, 64_000],
  ['an answer in one piece as long as one waits for such', 64_000, {}, 21_333],
  ['a model that can write less', 4_096, { stream: true }, 4_096],
  ['a model that writes nobody knows how much', -1, { stream: true }, 8_192],
  ['a model that the catalogue does not know', null, {}, 8_192],
  ['thoughts have room', 64_000, { reasoning_effort: 'high' }, [24_576, 16_384]],
  ['thoughts have room in a stream', 64_000, { reasoning_effort: 'high', stream: true }, [64_000, 16_384]],
  ['thoughts take half of what there is', 8_192, { reasoning_effort: 'high' }, [8_192, 4_096]],
  ['a long conversation leaves what there is', 64_000, { stream: true, messages: [{ role: 'user', content: 'abcd '.repeat(120_000) }] }, expect.toSatisfy((most: number) => most > 8_192 && most < 64_000)],
  ['a conversation that fills the window', 64_000, { stream: true, messages: [{ role: 'user', content: 'abcd '.repeat(200_000) }] }, 8_192],
  ['thoughts of an unknown model', null, { reasoning_effort: 'low' }, [10_240, 2_048]],
])('%s', (_, maxOutput, members, expected) => expect(asked(maxOutput, members)).toEqual(expected))
