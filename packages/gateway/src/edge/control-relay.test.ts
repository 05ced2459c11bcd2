import { createServer, type Server } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isControlPath } from './control-relay.ts'
import { eventually, RawClient, startEdge, type Harness } from './edge-harness.ts'

let folder = ''
let control: Server
let edge: Harness
let seen: { method: string, url: string, headers: string[], body: string }[] = []
let gone = 0

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-relay-'))
  seen = []
  gone = 0
  control = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => { body += String(chunk) })
    request.on('end', () => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.rawHeaders, body })
      if (request.url === '/admin/v1/slow') {
        response.writeHead(200)
        response.write('begun')
        response.on('close', () => { gone++ })
        return
      }
      response.writeHead(201, { 'x-own': 'yes', 'content-type': 'text/plain' })
      response.end(`echo ${body}`)
    })
  })
  await new Promise<void>(resolve => { control.listen(join(folder, 's'), resolve) })
  edge = await startEdge({ controlSocket: join(folder, 's') })
})
afterEach(async () => {
  await edge.close()
  control.closeAllConnections()
  control.close()
  rmSync(folder, { recursive: true })
})

test.each([['/', true], ['/metrics', true], ['/admin/v1', true], ['/admin/v1/logs', true], ['/admin/v1x', false], ['/healthz', false], ['//', false], ['/Admin/v1', false]])('%s belongs to the control surface: %s', (path, expected) => {
  expect(isControlPath(path)).toBe(expected)
})

test('relays method, path, query, headers and body, without those of the connection and forwarding claims', async () => {
  const answer = await RawClient.to(edge.port).send([
    'POST /admin/v1/keys?a=b HTTP/1.1', 'Host: gate', 'Authorization: Bearer a', 'X-Forwarded-For: 1.2.3.4', 'Forwarded: for=a', 'Connection: close, X-Secret', 'X-Secret: s', 'Content-Length: 2', '', 'hi'].join('\r\n')).rest()
  expect(answer).toContain('HTTP/1.1 201 ')
  expect(answer).toContain('x-own: yes')
  expect(answer).toContain('echo hi')
  expect(seen[0]).toMatchObject({ method: 'POST', url: '/admin/v1/keys?a=b', body: 'hi' })
  const names = seen[0]?.headers.map(text => text.toLowerCase()) ?? []
  expect(names).toContain('authorization')
  for (const absent of ['x-forwarded-for', 'forwarded', 'x-secret', 's', 'close, x-secret']) expect(names).not.toContain(absent)
})

test('a chunked body goes through, and the connection serves the next request', async () => {
  const client = RawClient.to(edge.port).send('PUT /admin/v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n')
  await client.until(text => text.includes('echo hi'))
  client.send('GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  await client.rest()
  expect(seen.map(one => one.url)).toEqual(['/admin/v1/x', '/metrics'])
})

test('paths that a next reader could resolve otherwise are refused', async () => {
  for (const path of ['/admin/v1/../secret', '/admin/v1/%2e%2e/secret', '/admin/v1/a%2Fb', '/admin/v1//a']) {
    expect(await RawClient.to(edge.port).send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).rest()).toContain('HTTP/1.1 400 ')
  }
  expect(seen).toEqual([])
})

test('a control surface that is down gives a clear 503', async () => {
  await new Promise(resolve => { control.close(resolve) })
  const answer = await RawClient.to(edge.port).send('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n').rest()
  expect(answer).toContain('HTTP/1.1 503 ')
  expect(answer).toContain('control surface does not answer')
})

test('a client that leaves ends the relayed request', async () => {
  const client = RawClient.to(edge.port).send('GET /admin/v1/slow HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until(text => text.includes('begun'))
  client.socket.destroy()
  await eventually(() => gone === 1)
})

test('an answer that tears does not end like a whole one', async () => {
  const client = RawClient.to(edge.port).send('GET /admin/v1/slow HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.until(text => text.includes('begun'))
  control.closeAllConnections()
  expect(await client.rest()).not.toContain('0\r\n\r\n')
})
