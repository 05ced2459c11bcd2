import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, expect, it } from 'vitest'
import { startTcpServer, type TcpServer } from './tcp-server.ts'

let folder = ''
let server: TcpServer | null = null
afterEach(async () => {
  await server?.close()
  server = null
  if (folder !== '') rmSync(folder, { recursive: true })
  folder = ''
})

it('says which address it cannot have', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => { other.once('listening', resolve) })
  const { port } = other.address() as AddressInfo
  const started = await startTcpServer(() => {}, { host: '127.0.0.1', port }, null)
  other.close()
  expect(started).toEqual({ ok: false, error: expect.stringContaining(`EADDRINUSE: address already in use 127.0.0.1:${port}`) })
})

it('has the certificate of the public port, and fails with the file that is missing', async () => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-admin-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const missing = await startTcpServer(() => {}, { host: '127.0.0.1', port: 0 }, { cert, key })
  expect(missing).toEqual({ ok: false, error: expect.stringContaining('cert.pem') })
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=admin.test', '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const started = await startTcpServer((_request, response) => { response.end('there') }, { host: '127.0.0.1', port: 0 }, { cert, key })
  if (!started.ok) throw new Error(started.error)
  server = started.value
  expect(server.address.tls).toBe(true)
  const { port } = server.address
  const subject = await new Promise<string>((resolve, reject) => {
    get({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false }, answer => {
      resolve('getPeerX509Certificate' in answer.socket ? (answer.socket as TLSSocket).getPeerX509Certificate()?.subject ?? '' : '')
      answer.resume()
    }).on('error', reject)
  })
  expect(subject).toBe('CN=admin.test')
})

it('does not wait for connections that ask nothing', async () => {
  const started = await startTcpServer((_request, response) => { response.end('there') }, { host: '127.0.0.1', port: 0 }, null)
  if (!started.ok) throw new Error(started.error)
  expect(await (await fetch(`http://127.0.0.1:${started.value.address.port}/`)).text()).toBe('there')
  await started.value.close()
})
