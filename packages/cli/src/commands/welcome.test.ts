import { expect, test } from 'vitest'
import { welcome } from './welcome.ts'

const keys = { adminKey: 'hr_admin', apiKey: 'hr_api' }
const facts = { host: '127.0.0.1', port: 8787, tls: false, admin: null, keys, data: './data', sandbox: true }

test.each([
  [{ host: '127.0.0.1' }, 'http://127.0.0.1:8787/v1'],
  [{ host: '0.0.0.0' }, 'http://127.0.0.1:8787/v1'],
  [{ host: '::' }, 'http://127.0.0.1:8787/v1'],
  [{ host: '::1' }, 'http://[::1]:8787/v1'],
  [{ host: 'gateway.example', tls: true }, 'https://gateway.example:8787/v1'],
])('%o is reached at %s', (change, url) => { expect(welcome({ ...facts, ...change })).toContain(`curl ${url}/chat/completions`) })

test('without new keys it is one line', () => { expect(welcome({ ...facts, keys: null })).toMatch(/^Headrace listens on .*\n$/) })
test('the page opens with the admin key in the fragment, which browsers never send', () => { expect(welcome(facts)).toContain('http://127.0.0.1:8787/#key=hr_admin\n') })
test('where the admin API has an address of its own, it is told, and the page is there', () => {
  const told = welcome({ ...facts, admin: { host: '::1', port: 9090, tls: true } })
  expect(told).toContain('https://[::1]:9090/#key=hr_admin\n')
  expect(told).toContain('Admin API, metrics and page: https://[::1]:9090.')
  expect(told).toContain('curl http://127.0.0.1:8787/v1/chat/completions')
})
test('without a sandbox it does not name one', () => { expect(welcome({ ...facts, sandbox: false })).not.toContain('sandbox') })
