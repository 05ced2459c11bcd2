import { describe, expect, it } from 'vitest'
import type { Call, FetchPart } from '@headrace/contract'
import { decodeRequest } from './transformation/anthropic-messages/decode-request.ts'
import { encodeRequest } from './transformation/openai-chat/encode-request.ts'
import { fetchUrls, urlsToFetch, withSources } from './url-parts.ts'

const RULES = { maxBytes: 100, timeoutMs: 60_000 }
const never = new AbortController().signal
const url = (name: string): Record<string, unknown> => ({ source: { type: 'url', url: `https://x.test/${name}` } })
function decode(blocks: readonly unknown[]): Call {
  const call = decodeRequest(Buffer.from(JSON.stringify({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: blocks }] })))
  if (!call.ok) throw new Error(call.error.message)
  return call.value
}
const documents = decode([
  { type: 'document', ...url('a.pdf') }, { type: 'image', ...url('b.png') }, { type: 'document', ...url('a.pdf') },
  { type: 'tool_result', tool_use_id: 't', content: [{ type: 'document', ...url('c.txt') }] },
])

describe('URLs that a provider does not fetch', () => {
  it('are found once each, by what the provider does itself', () => {
    expect([...urlsToFetch(documents, { image: true, file: false })]).toEqual([['https://x.test/a.pdf', 'file'], ['https://x.test/c.txt', 'file']])
    expect(urlsToFetch(documents, { image: false, file: false }).size).toBe(3)
    expect(urlsToFetch(documents, { image: true, file: true }).size).toBe(0)
  })

  it('stand in the request as what they hold, and all of them share one bound', async () => {
    const bounds: number[] = []
    const fetchPart: FetchPart = async (asked, types, maxBytes) => {
      bounds.push(maxBytes)
      expect(types.has('application/pdf')).toBe(true)
      return { ok: true, value: asked.endsWith('.pdf') ? { mediaType: 'application/pdf', data: Buffer.alloc(30, 'P') } : { mediaType: 'text/plain', data: Buffer.from('tëxt') } }
    }
    const fetched = await fetchUrls(urlsToFetch(documents, { image: true, file: false }), fetchPart, RULES, never)
    expect(bounds).toEqual([100, 70])
    if (!fetched.ok) throw new Error(fetched.error.message)
    const target = { model: 'm', usageOption: false } as Parameters<typeof encodeRequest>[1]
    const encoded = encodeRequest(withSources(documents, fetched.value), target)
    expect(encoded.ok && Buffer.from(encoded.value.body, 'latin1').toString()).toContain(`data:application/pdf;base64,${Buffer.alloc(30, 'P').toString('base64')}`)
    expect(encoded.ok && Buffer.from(encoded.value.body, 'latin1').toString()).toContain('tëxt')
  })

  it('are refused with the reason when one cannot be had, and when there are too many', async () => {
    expect(await fetchUrls(new Map([['https://x.test/a.pdf', 'file']]), async () => ({ ok: false, error: 'it is gone' }), RULES, never)).toMatchObject({ ok: false, error: { kind: 'invalid-request', message: expect.stringMatching(/a\.pdf.*it is gone/) } })
    const many = new Map(Array.from({ length: 21 }, (_, index) => [`https://x.test/${index}`, 'image'] as const))
    expect(await fetchUrls(many, async () => { throw new Error('asked') }, RULES, never)).toMatchObject({ ok: false, error: { kind: 'invalid-request' } })
  })
})
