import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createFetchPart, PUBLIC_INTERNET, type FetchGuard } from './fetch-part.ts'
import { isPublicAddress } from './public-address.ts'

const IMAGES: ReadonlySet<string> = new Set(['image/png'])
const servers: Server[] = []
afterEach(() => { for (const server of servers.splice(0)) { server.closeAllConnections(); server.close() } })

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const png: RequestListener = (_request, response) => { response.writeHead(200, { 'content-type': 'image/png; x=y' }).end('PNG') }
const never = new AbortController().signal

/** Only one local port is `the internet` here: every other address is judged as it is outside of tests. */
const guard = (open: number, hosts: Readonly<Record<string, readonly string[]>> = {}): FetchGuard => ({
  resolve: async host => hosts[host] ?? [],
  allows: (address, port) => (address === '127.0.0.1' && port === open) || PUBLIC_INTERNET.allows(address, port),
})

describe('the public internet', () => {
  it.each(['1.1.1.1', '8.8.8.8', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450:4001:81b::200e'])('holds %s', address => { expect(isPublicAddress(address)).toBe(true) })
  it.each([
    '0.0.0.0', '0.1.2.3', '10.0.0.1', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.255.254', '168.63.129.16', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.0.0.1', '192.0.2.1',
    '192.168.1.1', '198.18.0.1', '203.0.113.5', '224.0.0.1', '239.1.1.1', '255.255.255.255', '::', '::1', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:a9fe:a9fe', '::7f00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1',
    '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::', '3fff::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0', '2606:4700::1%lo', 'fec0::1', 'ff02::1', 'localhost', '', '1.1.1', '0x7f.1',
  ])('does not hold %s', address => { expect(isPublicAddress(address)).toBe(false) })
})

describe('a URL in a request (check N1)', () => {
  it('is fetched, with nothing of the client\'s or a provider\'s in the request', async () => {
    let seen: Readonly<Record<string, unknown>> = {}
    const port = await serve((request, response) => { seen = request.headers; png(request, response) })
    const fetched = await createFetchPart(guard(port, { 'pictures.test': ['127.0.0.1'] }))(`http://pictures.test:${port}/a.png`, IMAGES, 10, never)
    expect(fetched).toEqual({ ok: true, value: { mediaType: 'image/png', data: Buffer.from('PNG') } })
    expect(seen).toMatchObject({ host: `pictures.test:${port}` })
    expect(Object.keys(seen).toSorted()).toEqual(['accept', 'accept-encoding', 'connection', 'host', 'user-agent'])
  })

  it.each([
    ['another scheme', 'ftp://pictures.test/a'], ['a file', 'file:///etc/passwd'], ['data', 'data:image/png;base64,AAAA'], ['no URL', '//x'], ['credentials', 'http://user:pass@pictures.test/'],
    ['loopback', 'http://127.0.0.1/'], ['loopback in decimal', 'http://2130706433/'], ['loopback in hex', 'http://0x7f000001/'], ['loopback in octal', 'http://0177.0.0.1/'], ['loopback, short', 'http://127.1/'],
    ['loopback of IPv6', 'http://[::1]/'], ['mapped loopback', 'http://[::ffff:127.0.0.1]/'], ['metadata', 'http://169.254.169.254/latest/meta-data/'], ['mapped metadata', 'http://[::ffff:169.254.169.254]/'],
    ['metadata of IPv6', 'http://[fd00:ec2::254]/'], ['a name for loopback', 'http://loop.test/'], ['a name with one private address of two', 'http://mixed.test/'], ['a name that leads nowhere', 'http://nowhere.test/'],
    ['another port of a public address', 'http://1.1.1.1:22/'], ['a full stop behind', 'http://loop.test./'], ['wide digits', 'http://１２７.０.０.１/'], ['more than 8 KiB', `http://pictures.test/${'a'.repeat(9_000)}`],
  ])('with %s is refused, and the private one is told like the one that is not there', async (_what, url) => {
    const port = await serve(png)
    const fetched = await createFetchPart(guard(port, { 'loop.test': ['127.0.0.1'], 'loop.test.': ['127.0.0.1'], 'mixed.test': ['1.1.1.1', '10.0.0.1'], 'pictures.test': ['127.0.0.1'] }))(url, IMAGES, 10, never)
    expect(fetched.ok).toBe(false)
    if (!fetched.ok) expect(fetched.error).toMatch(/^(it cannot be fetched: its host is not on the public internet or does not answer|only http and https URLs are fetched|a URL with credentials is not fetched)$/)
  })

  it('is asked at the address that was judged, also when its name has another one a moment later', async () => {
    const port = await serve(png)
    let asked = 0
    const rebinding: FetchGuard = { resolve: async () => ++asked === 1 ? ['127.0.0.1'] : ['127.0.0.2'], allows: (address, at) => address === '127.0.0.1' && at === port }
    expect(await createFetchPart(rebinding)(`http://rebind.test:${port}/`, IMAGES, 10, never)).toMatchObject({ ok: true })
    expect(asked).toBe(1)
    expect(await createFetchPart(rebinding)(`http://rebind.test:${port}/`, IMAGES, 10, never)).toMatchObject({ ok: false })
  })

  it.each([['a private address', 'http://169.254.169.254/'], ['another server beside', 'http://127.0.0.1:1/'], ['another scheme', 'file:///etc/passwd'], ['itself for ever', '/loop']])('that redirects to %s is refused', async (_what, location) => {
    let asked = 0
    const port = await serve((_request, response) => { asked++; response.writeHead(302, { location }).end() })
    expect(await createFetchPart(guard(port))(`http://127.0.0.1:${port}/`, IMAGES, 10, never)).toMatchObject({ ok: false })
    expect(asked).toBe(location === '/loop' ? 4 : 1)
  })

  it('that redirects to a good one is followed', async () => {
    const port = await serve((request, response) => { if (request.url === '/b') png(request, response); else response.writeHead(307, { location: '/b' }).end() })
    expect(await createFetchPart(guard(port))(`http://127.0.0.1:${port}/a`, IMAGES, 10, never)).toMatchObject({ ok: true })
  })

  it.each<[string, RegExp, RequestListener]>([
    ['is too large by its head', /larger than/, (_request, response) => { response.writeHead(200, { 'content-type': 'image/png', 'content-length': 11 }).end('x'.repeat(11)) }],
    ['is too large without saying so', /larger than/, (_request, response) => { response.writeHead(200, { 'content-type': 'image/png' }); response.write('x'.repeat(6)); response.end('x'.repeat(6)) }],
    ['is of another type', /media type/, (_request, response) => { response.writeHead(200, { 'content-type': 'text/html' }).end('<a>') }],
    ['has no type', /media type/, (_request, response) => { response.writeHead(200).end('x') }],
    ['comes compressed', /compressed/, (_request, response) => { response.writeHead(200, { 'content-type': 'image/png', 'content-encoding': 'gzip' }).end('x') }],
    ['is not there', /status 404/, (_request, response) => { response.writeHead(404).end() }],
    ['breaks off', /broke the answer off/, (_request, response) => { response.writeHead(200, { 'content-type': 'image/png', 'content-length': 9 }); response.write('x', () => response.destroy()) }],
  ])('whose answer %s is refused', async (_what, words, listener) => {
    const port = await serve(listener)
    const fetched = await createFetchPart(guard(port))(`http://127.0.0.1:${port}/`, IMAGES, 10, never)
    expect(fetched).toEqual({ ok: false, error: expect.stringMatching(words) })
  })

  it.each<[string, RequestListener | null]>([['answer', () => {}], ['end', (_request, response) => { response.writeHead(200, { 'content-type': 'image/png' }).write('x') }], ['resolve', null]])('that does not %s is let go when time is up', async (_what, listener) => {
    const port = listener === null ? 1 : await serve(listener)
    const stop = new AbortController()
    const hanging: FetchGuard = { ...guard(port), resolve: () => new Promise(() => {}) }
    const fetched = createFetchPart(hanging)(listener === null ? 'http://hang.test/' : `http://127.0.0.1:${port}/`, IMAGES, 10, stop.signal)
    setTimeout(() => stop.abort(), 50)
    expect(await fetched).toMatchObject({ ok: false })
  })
})
