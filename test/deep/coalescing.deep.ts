import { randomUUID } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { seededRandom } from '../../packages/sandbox/src/engine/random.ts'
import { chatBody, DONE, finishEvent, textEvent, usageEvent } from '../harness/completions.ts'
import { openRaw, parseAnswer, type RawAnswer } from '../harness/http-client.ts'
import { answerJson, chunk, LAST_CHUNK, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const OTHER = 'hr_test_other_tenant_0123456789abcde'
const SEED = Number(process.env['HEADRACE_TEST_SEED'] ?? 1)
const CLIENTS = 60
const QUESTIONS = 6
const SECONDS = 40
const KILL_EVERY_MS = 4_000
let rig: Rig | null = null
afterEach(async () => { await rig?.stop() }, 20_000)

/** Tells the question back between words that no other call has, slowly; now and then it fails or breaks off. */
function engine(chance: () => number): Script {
  return async (socket, request) => {
    const asked = /canary-[\w-]+/.exec(request.body.toString())?.[0] ?? ''
    const id = randomUUID()
    const fate = chance()
    await pause(chance() * 60)
    if (fate < 0.05) return void answerJson({ error: { message: `down for ${asked}`, type: 'server_error' } }, { status: 500 })(socket, request)
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent(`${id} ${asked} `))]))
    for (let word = 0; word < 20 && !socket.destroyed; word++) {
      await pause(chance() * 20)
      if (fate < 0.1 && word === 10) return void socket.destroy()
      socket.write(chunk(textEvent(`word${word} `.repeat(1 + Math.floor(chance() * 400)))))
    }
    socket.write(Buffer.concat([...[textEvent(`${asked} ${id}`), finishEvent(), usageEvent(), DONE].map(chunk), LAST_CHUNK]))
    request.answeredAt = performance.now()
  }
}

const textOf = (answer: RawAnswer): string => answer.body.toString().split('\n').filter(line => line.startsWith('data: {'))
  .map(line => (JSON.parse(line.slice(6)) as { choices?: { delta?: { content?: string } }[] }).choices?.[0]?.delta?.content ?? '').join('')

it('identical streams among many others, whose clients leave, stall and die with their workers: each is its own question\'s whole answer or an error, and nothing is left', { timeout: 280_000 }, async () => {
  const chance = seededRandom(SEED)
  const running = rig = await startRig({ args: ['--workers', '2'], config: () => ({ keys: [{ name: 'other', key: OTHER, tenant: 'other' }], models: { same: { targets: ['up/same'], coalesce: 'always' } } }) })
  running.upstream.on('same', engine(chance))
  const seen = { whole: 0, broken: 0, refused: 0, left: 0, lost: 0, shared: 0 }
  const end = performance.now() + SECONDS * 1_000

  /** One question of one tenant, by one client. */
  const ask = async (): Promise<void> => {
    const [token, tenant] = chance() < 0.7 ? [API_KEY, 'mine'] : [OTHER, 'theirs']
    const question = `canary-${tenant}-${Math.floor(chance() * QUESTIONS)}`
    const manner = chance()
    const socket = await openRaw(running.headrace.port, { body: chatBody('same', { stream: true, messages: [{ role: 'user', content: question }] }), headers: [['authorization', `Bearer ${token}`], ['content-type', 'application/json']] }).catch(() => null)
    if (socket === null) return pause(20)
    const chunks: Buffer[] = []
    const closed = new Promise(resolve => socket.once('close', resolve))
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      if (data.includes('0\r\n\r\n') || data.includes('"error"')) if (parseAnswer(Buffer.concat(chunks)).complete) socket.destroy()
    })
    if (manner < 0.2) setTimeout(() => socket.destroy(), chance() * 300)
    else if (manner < 0.4) {
      socket.pause()
      setTimeout(() => socket.resume(), chance() * 1_000)
    }
    await closed
    const answer = parseAnswer(Buffer.concat(chunks))
    if (answer.headers.has('headrace-coalesced')) seen.shared++
    const text = answer.status === 200 ? textOf(answer) : answer.body.toString()
    for (const other of text.match(/canary-[\w-]+/g) ?? []) expect(other).toBe(question)
    if (manner < 0.2) seen.left++
    else if (answer.status === 0) seen.lost++
    else if (answer.status !== 200) seen.refused++
    else if (answer.complete) {
      seen.whole++
      // It begins and ends with one call's own words.
      expect(text).toMatch(new RegExp(`^([0-9a-f-]{36}) ${question} .* ${question} \\1$`))
      expect(answer.body.toString()).toContain('[DONE]')
    } else {
      seen.broken++
      expect(answer.body.toString()).not.toContain('[DONE]')
    }
  }
  const clients = Array.from({ length: CLIENTS }, async () => { while (performance.now() < end) await ask() })
  const killing = (async () => {
    while (performance.now() < end - KILL_EVERY_MS) {
      await pause(KILL_EVERY_MS)
      const { workers } = running.headrace.pids()
      const victim = workers[Math.floor(chance() * workers.length)]
      if (victim !== undefined) process.kill(victim, 'SIGKILL')
    }
  })()
  await Promise.all([...clients, killing])

  expect(seen.whole).toBeGreaterThan(500)
  expect(seen.shared).toBeGreaterThan(seen.whole / 2)
  const gauge = async (name: string): Promise<number> => (await (await fetch(`${running.headrace.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text())
    .split('\n').filter(line => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  for (const name of ['headrace_in_flight', 'headrace_coalesce_calls', 'headrace_coalesce_kept_bytes']) await until(`${name} to be 0`, async () => await gauge(name) === 0)
})
