import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { KnownProvider } from '../known-provider.ts'
import { formatConfigErrors } from './config-error.ts'
import { loadConfig } from './load-config.ts'
import { readServiceAccount } from './read-service-account.ts'

const rsa = (bits: number): string => generateKeyPairSync('rsa', { modulusLength: bits, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey
const PEM = rsa(2_048)
const FILE = { type: 'service_account', project_id: 'p', private_key_id: 'k1', private_key: PEM, client_email: 'a@p.iam.gserviceaccount.com', token_uri: 'https://oauth2.googleapis.com/token' }
const GRANT = { kind: 'service-account', tokenUrl: FILE.token_uri, email: FILE.client_email, keyId: 'k1', privateKey: PEM, scope: 'https://www.googleapis.com/auth/cloud-platform' }
const VERTEX: KnownProvider = {
  id: 'vertex', dialect: 'google-gemini', baseUrl: 'https://{PLACE}-api.test/v1/projects/{PROJECT}/locations/{PLACE}', placeHosts: { global: 'api.test', eu: 'api.eu.test' },
  env: ['KEY_FILE'], auth: 'google-key-file', usageOption: false, models: [],
}
const ENV = { KEY_FILE: '/run/key.json', PLACE: 'europe-west4', PROJECT: 'p1' }

function load(text: string | null, env: Readonly<Record<string, string>> = ENV, file: string | null = JSON.stringify(FILE)) {
  return loadConfig({
    text, path: null, version: 1, env, known: [VERTEX], keys: [], sandboxUrl: null,
    readFile: () => { if (file === null) throw Object.assign(new Error('no'), { code: 'ENOENT' }); return file },
  })
}
const provider = (...asked: Parameters<typeof load>) => {
  const loaded = load(...asked)
  if (!loaded.ok) throw new Error(formatConfigErrors(loaded.error, null, asked[0]))
  return { ...loaded.value.config.providers[0], warnings: loaded.value.warnings }
}
const problems = (...asked: Parameters<typeof load>): string => {
  const loaded = load(...asked)
  return loaded.ok ? '' : formatConfigErrors(loaded.error, 'headrace.yaml', asked[0])
}

describe('a service account\'s key file', () => {
  it('named in the environment is the credential of a provider that takes one, with or without a file of Headrace\'s own', () => {
    for (const text of [null, 'providers: {vertex: }']) expect(provider(text).credentials).toEqual([{ id: 'vertex#1', header: 'authorization', value: '', token: GRANT }])
    expect(load(null, { KEY_FILE: '/run/key.json' })).toMatchObject({ ok: true, value: { config: { providers: [] } } })
  })

  it('may stand in the configuration by reference, with a scope of its own', () => {
    const { credentials, warnings } = provider('providers: {vertex: {credentials: {google: {key: "${file:/run/key.json}", scope: "a b"}}}}', { PLACE: 'x', PROJECT: 'p' })
    expect(credentials).toEqual([{ id: 'vertex#1', header: 'authorization', value: '', token: { ...GRANT, scope: 'a b' } }])
    expect(warnings).toEqual([])
  })

  it('that cannot be read, or is another\'s, is told by the name of its variable', () => {
    expect(problems('providers: {vertex: }', ENV, null)).toMatch(/key file that KEY_FILE names cannot be read \(ENOENT\)/)
    expect(problems('providers: {vertex: }', ENV, '{"type":"external_account"}')).toMatch(/key file that KEY_FILE names is of the type `external_account`/)
    expect(problems('providers: {vertex: {credentials: {google: {key: "${file:/run/key.json}"}}}}', ENV, '{')).toMatch(/headrace\.yaml:1:\d+: the key file is not JSON/)
    expect(problems('providers: {vertex: {credentials: {google: {key: "${file:/run/key.json}"}, value: "x"}}}')).toMatch(/`value`/)
  })

  it.each([
    ['not JSON', 'nonsense', /not JSON/],
    ['no object', '[]', /type unknown/],
    ['a user\'s', JSON.stringify({ type: 'authorized_user', refresh_token: 'canary' }), /`authorized_user`/],
    ['a type that is no word', JSON.stringify({ type: 'canary canary' }), /type unknown/],
    ['without account', JSON.stringify({ ...FILE, client_email: undefined }), /`client_email`/],
    ['with tokens in plain text', JSON.stringify({ ...FILE, token_uri: 'http://tokens.test/t' }), /`token_uri`/],
    ['with an id of two lines', JSON.stringify({ ...FILE, private_key_id: 'a\nb' }), /`private_key_id`/],
    ['without key', JSON.stringify({ ...FILE, private_key: 'canary' }), /`private_key` that can be read/],
    ['with a key of another kind', JSON.stringify({ ...FILE, private_key: generateKeyPairSync('ed25519', { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey }), /no RSA key/],
    ['with a short key', JSON.stringify({ ...FILE, private_key: rsa(1_024) }), /2048 bits/],
  ])('%s is refused, and nothing of it told', (_what, text, words) => {
    const read = readServiceAccount(text, null)
    expect(read.ok ? '' : read.error).toMatch(words)
    expect(JSON.stringify(read)).not.toContain('canary')
  })
})

describe('an address with the customer\'s location in its host', () => {
  it.each([
    ['europe-west4', 'https://europe-west4-api.test/v1/projects/p1/locations/europe-west4'],
    ['global', 'https://api.test/v1/projects/p1/locations/global'],
    ['eu', 'https://api.eu.test/v1/projects/p1/locations/eu'],
  ])('%s is %s', (place, url) => {
    expect(provider(null, { ...ENV, PLACE: place }).baseUrl).toBe(url)
  })

  it.each([['https://us-api.test/v1', 1], ['https://api.eu.test/v1', 1], ['https://api.elsewhere.test/v1', 0], ['http://api.eu.test/v1', 0], ['https://api.test.evil.test/v1', 0]])('has the account of the environment at the vendor\'s hosts alone: %s', (url, credentials) => {
    expect(provider(`providers: {vertex: {base_url: "${url}"}}`).credentials?.length).toBe(credentials)
  })
})
