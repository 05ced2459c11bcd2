import { expect, it } from 'vitest'
import type { DialectId } from '@headrace/contract'
import { tagOpaque, untagOpaque } from './opaque-tag.ts'

const DIALECTS: readonly DialectId[] = ['openai-responses', 'anthropic-messages', 'google-gemini']

it.each(DIALECTS.flatMap(own => DIALECTS.flatMap(origin => (['signature', 'redacted'] as const).map(kind => [own, origin, kind] as const))))('clients of %s keep a blob of %s (%s) whole, with its origin', (own, origin, kind) => {
  const data = 'c2ln+/==é:headrace:'
  const kept = tagOpaque(own, { dialect: origin, kind, data })
  expect(untagOpaque(own, kind, kept)).toEqual({ provider: '', model: '', dialect: origin, kind, data })
})

it('what Google\'s SDKs hold as bytes is base64, and comes back in either alphabet', () => {
  const kept = tagOpaque('google-gemini', { dialect: 'anthropic-messages', kind: 'signature', data: '>>>???>>>' })
  expect(kept).toMatch(/^[A-Za-z0-9+/]+={0,2}$/)
  const inUrls = Buffer.from(kept, 'base64').toString('base64url')
  expect(untagOpaque('google-gemini', 'signature', inUrls)).toMatchObject({ dialect: 'anthropic-messages', data: '>>>???>>>' })
})
