import { expect, it } from 'vitest'
import { decodeRequest } from '../anthropic-messages/decode-request.ts'
import { estimateCall } from './estimate-tokens.ts'

const estimate = (body: Readonly<Record<string, unknown>>): number => {
  const call = decodeRequest(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }], ...body })))
  if (!call.ok) throw new Error(call.error.message)
  return estimateCall(call.value)
}
const user = (content: unknown): Readonly<Record<string, unknown>> => ({ messages: [{ role: 'user', content }] })

it('everything that a model reads counts, and a picture\'s bytes do not count as text', () => {
  const least = estimate({})
  const words = 'the water behind the gate '.repeat(100)
  expect(estimate(user(words))).toBeGreaterThan(450)
  expect(estimate(user(words))).toBeLessThan(600)
  for (const more of [{ system: words }, { tools: [{ name: 'f', description: words, input_schema: {} }] }]) expect(estimate(more)).toBeGreaterThan(least + 450)
  const image = (bytes: number): number => estimate(user([{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(bytes) } }]))
  expect(image(1_000_000)).toBe(image(100))
})
