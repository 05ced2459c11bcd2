import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { completion } from '../harness/completions.ts'
import { pause } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

const MIB = 2 ** 20
const LIMIT = 512 * MIB
const CLIENTS = 40
const BODY_MIB = 16
const FLOOD_MS = 10_000
const ENGINE_MS = 300

/** A memory control group of our own, v1 or v2; null where this machine gives none (no root, a read-only cgroupfs). */
function createGroup(): { readonly path: string, readonly peak: string, readonly kills: () => number } | null {
  const v1 = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  const path = `/sys/fs/cgroup/${v1 ? 'memory/' : ''}headrace-test-${process.pid}`
  try {
    mkdirSync(path)
    writeFileSync(`${path}/${v1 ? 'memory.limit_in_bytes' : 'memory.max'}`, String(LIMIT))
    const events = `${path}/${v1 ? 'memory.oom_control' : 'memory.events'}`
    return { path, peak: `${path}/${v1 ? 'memory.max_usage_in_bytes' : 'memory.peak'}`, kills: () => Number(/^oom_kill (\d+)/m.exec(readFileSync(events, 'utf8'))?.[1] ?? 0) }
  } catch {
    if (existsSync(path)) rmdirSync(path)
    return null
  }
}

/** A provider that counts what it is sent and keeps nothing of it. */
async function startEngine(): Promise<Server> {
  const answer = JSON.stringify(completion('hi'))
  const server = createServer((asked, response) => {
    asked.resume().on('end', () => setTimeout(() => response.setHeader('content-type', 'application/json').end(answer), ENGINE_MS))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

const group = createGroup()
let engine: Server
let headrace: Headrace
beforeAll(async () => {
  if (group === null) return
  engine = await startEngine()
  headrace = await startHeadrace({
    config: { providers: { up: { base_url: `http://127.0.0.1:${(engine.address() as AddressInfo).port}/v1` } } },
    wrap: ['/bin/sh', '-c', `echo $$ > ${group.path}/cgroup.procs && exec "$0" "$@"`], args: ['--no-sandbox'],
  })
}, 30_000)
afterAll(async () => {
  if (group === null) return
  await headrace?.stop()
  engine?.closeAllConnections()
  engine?.close()
  await until('the group to be empty', () => readFileSync(`${group.path}/cgroup.procs`, 'utf8') === '')
  rmdirSync(group.path)
})

/** Sends a body on a connection of its own, as far as it is taken. Its status; 0 = it was cut off. */
function send(path: string, body: Buffer): Promise<number> {
  return new Promise(resolve => {
    const asked = request({ port: headrace.port, method: 'POST', path, agent: false, headers: { authorization: `Bearer ${API_KEY}`, 'content-length': body.length } }, answer => {
      answer.resume().on('close', () => {
        asked.destroy()
        resolve(answer.statusCode ?? 0)
      })
    })
    asked.on('error', () => resolve(0))
    asked.end(body)
  })
}

const text = 'x'.repeat(BODY_MIB * MIB)
const bodyOf = (content: string): Buffer => Buffer.from(JSON.stringify({ model: 'up/m', max_tokens: 9, messages: [{ role: 'user', content }] }))
it.skipIf(group === null).each([
  ['as they are', '/v1/chat/completions', 503],
  ['in another dialect', '/v1/messages', 529],
])('in a control group of 512 MiB a flood of large bodies that go on %s is refused before the kernel kills anybody; some go through, and small requests all do', async (_how, path, refused) => {
  const before = headrace.pids()
  const statuses: Record<'large' | 'small', Record<number, number>> = { large: {}, small: {} }
  const post = async (what: 'large' | 'small', body: Buffer): Promise<number> => {
    const status = await send(path, body)
    statuses[what][status] = (statuses[what][status] ?? 0) + 1
    return status
  }
  // 40 clients have 16 MiB each under way, again and again: more than there is, as bodies alone.
  const end = performance.now() + FLOOD_MS
  const [large, small] = [bodyOf(text), bodyOf('hi')]
  const flood = Array.from({ length: CLIENTS }, async () => { while (performance.now() < end) if (await post('large', large) !== 200) await pause(250) })
  const trickle = (async () => { while (performance.now() < end) { await post('small', small); await pause(20) } })()
  await Promise.all([...flood, trickle])
  const peak = Number(readFileSync(group?.peak ?? '', 'utf8'))
  process.stdout.write(`memory ceiling, ${path}: peak ${Math.round(peak / MIB)} of ${LIMIT / MIB} MiB, ${JSON.stringify(statuses)}\n`)
  const after = headrace.pids()
  expect([after.control, after.supervisor]).toEqual([before.control, before.supervisor])
  // On a slow machine a worker may be so long at one body that another one takes its place; but none dies of it.
  expect(headrace.output()).not.toMatch(/another one starts|while it finished/)
  expect(group?.kills()).toBe(0)
  expect(statuses.large[refused]).toBeGreaterThan(CLIENTS)
  expect(statuses.large[200]).toBeGreaterThan(0)
  expect(Object.keys(statuses.large).filter(status => !['200', `${refused}`, '0'].includes(status))).toEqual([])
  // Whoever is small is served, with so many others refused.
  expect(Object.keys(statuses.small)).toEqual(['200'])
  // The pressure is gone, and what it refused is taken again.
  await until('a body of 16 MiB to be taken', async () => await send(path, large) === 200, 20_000)
})
