import { expect, test } from 'vitest'
import { KNOWN_PROVIDERS } from './registry.ts'

test('every provider has an id, an address and environment names of its own', () => {
  expect(new Set(KNOWN_PROVIDERS.map(provider => provider.id)).size).toBe(KNOWN_PROVIDERS.length)
  expect(new Set(KNOWN_PROVIDERS.map(provider => provider.baseUrl)).size).toBe(KNOWN_PROVIDERS.length)
  // One account is good for all that Google has.
  const names = KNOWN_PROVIDERS.filter(({ auth }) => auth !== 'google-key-file').flatMap(provider => provider.env)
  expect(new Set(names).size).toBe(names.length)
})

test.each(KNOWN_PROVIDERS.map(provider => [provider.id, provider] as const))('%s is frozen, and its key travels only over TLS', (_id, provider) => {
  for (const part of [provider, provider.env, provider.models]) expect(Object.isFrozen(part)).toBe(true)
  // A part that every customer has of their own is no part of a URL yet.
  const baseUrl = provider.baseUrl.replace(/\{[A-Z][A-Z0-9_]*\}/g, 'mine')
  const url = new URL(baseUrl)
  expect(url.pathname === '/' ? url.origin : url.href).toBe(baseUrl)
  expect(provider.baseUrl.endsWith('/')).toBe(false)
  if (provider.auth !== 'none') expect(url.protocol).toBe('https:')
  expect(provider.env.length > 0).toBe(provider.auth !== 'none')
})

test('twenty-five vendors and more speak the dialect of Chat Completions', () => {
  expect(KNOWN_PROVIDERS.filter(({ dialect, auth }) => dialect === 'openai-chat' && auth !== 'none').length).toBeGreaterThanOrEqual(25)
})
