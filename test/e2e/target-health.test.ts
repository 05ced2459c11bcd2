import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson, type Script } from '../harness/scripted-upstream.ts'
import { REPOSITORY, runHeadrace, ADMIN_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

interface TargetView { readonly target: string, readonly state: string, readonly reason: string | null, readonly answered: number, readonly credentials: readonly { readonly credential: string, readonly reason: string }[] }
interface Step { readonly target?: string, readonly did: string, readonly why: string }

let rig: Rig
let engine: ChildProcess
beforeAll(async () => {
  engine = fork(join(REPOSITORY, 'packages/sandbox/src/main.ts'), { stdio: 'ignore' })
  const { listening } = await new Promise<{ listening: { port: number } }>(resolve => engine.once('message', message => resolve(message as { listening: { port: number } })))
  rig = await startRig({
    args: ['--workers', '2', '--no-sandbox'],
    config: upstream => ({
      providers: {
        up: { base_url: upstream.url, credentials: [] },
        keyed: { base_url: upstream.url, credentials: ['sk-first-credential', 'sk-second-credential'] },
        engine: { base_url: `http://127.0.0.1:${listening.port}/v1`, credentials: [], timeouts: { connect: '1s', first_token: '1s' } },
      },
      models: { 'pair-*': ['up/first-*', 'up/second-*'], 'keyed-*': ['keyed/keyed-*'], frozen: ['engine/echo', 'up/second-frozen'] },
    }),
  })
}, 30_000)
afterAll(async () => {
  engine?.kill('SIGKILL')
  await rig?.stop()
})

const refusal = (status: number, headers: Record<string, string> = {}, code: string | null = null): Script =>
  answerJson({ error: { message: 'provider text', type: code ?? 'server_error', code, param: null } }, { status, headers })
const targets = async (): Promise<{ targets: TargetView[], credentials: { credential: string, reason: string }[] }> =>
  (await rig.headrace.admin('/targets')).body as { targets: TargetView[], credentials: { credential: string, reason: string }[] }
const shown = async (name: string, holds: (view: TargetView) => boolean): Promise<TargetView> =>
  until(`${name} to be shown so`, async () => (await targets()).targets.find(view => view.target === name && holds(view)))
const explained = (answer: { readonly headers: ReadonlyMap<string, string> }): Step[] => JSON.parse(answer.headers.get('headrace-explain') ?? '[]') as Step[]
/** Each on a connection of its own, so that both workers get some. */
async function ask(model: string, count: number, expected: number): Promise<void> {
  for (let begun = 0; begun < count; begun += 4) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => rig.post(chatBody(model))))
    expect(answers.map(answer => answer.status)).toEqual([expected, expected, expected, expected])
  }
}

it('a target that fails is out for both workers, shown as such, passed over with the reason, probed, and back when it is well', async () => {
  rig.upstream.on('first-down', refusal(503))
  rig.upstream.on('second-down', answerJson(completion('saved')))
  await ask('pair-down', 12, 200)
  await shown('up/first-down', view => view.state !== 'in' && view.reason === 'failing')
  const before = rig.upstream.of('first-down').length
  await ask('pair-down', 40, 200)
  // Nothing but probes went there, each after a longer rest: at most a handful however slow the machine is.
  expect(rig.upstream.of('first-down').length - before).toBeLessThan(8)
  const answer = await rig.post(chatBody('pair-down'), [['headrace-explain', '1']])
  const steps = explained(answer)
  expect(steps.at(-1)).toMatchObject({ target: 'up/second-down', did: 'chosen' })
  expect(steps.find(step => step.target === 'up/first-down')?.why ?? '').toMatch(/it fails|probe/)
  expect(answer.headers.get('headrace-target')).toBe('up/second-down')
  expect((await runHeadrace(['health', '--key', ADMIN_KEY, '--url', rig.headrace.url])).output).toMatch(/up\/first-down +(out|probing) +failing/)

  rig.upstream.on('first-down', answerJson(completion('back')))
  await until('the target to serve again', async () => (await rig.post(chatBody('pair-down'))).headers.get('headrace-target') === 'up/first-down', 30_000)
  await shown('up/first-down', view => view.state === 'in')
  for (let turn = 0; turn < 8; turn++) expect((await rig.post(chatBody('pair-down'))).headers.get('headrace-target')).toBe('up/first-down')
}, 60_000)

it('the record says why the second target was taken, and the header only comes to those who ask', async () => {
  rig.upstream.on('first-told', refusal(500))
  rig.upstream.on('second-told', answerJson(completion('saved')))
  const silent = await rig.post(chatBody('pair-told'))
  expect(silent.headers.has('headrace-explain')).toBe(false)
  const rows = await rig.headrace.logs('model=pair-told', 3)
  expect(JSON.parse(rows[0]?.route ?? '')).toMatchObject([
    { target: 'up/first-told', did: 'chosen' }, { did: 'left', why: 'upstream-server-error, status 500: retry' }, { did: 'left', why: 'upstream-server-error, status 500: fallback' },
    { target: 'up/second-told', did: 'chosen' },
  ])
  rig.upstream.on('first-plain', answerJson(completion('whole')))
  expect(explained(await rig.post(chatBody('pair-plain'), [['headrace-explain', '1']]))).toMatchObject([{ target: 'up/first-plain', did: 'chosen' }])
  await rig.post(chatBody('pair-plain'))
  expect((await rig.headrace.logs('model=pair-plain', 2))[0]?.route).toBe('')
})

it('an engine that is stopped in its tracks (SIGSTOP) is left by both workers, and serves again when it goes on', async () => {
  rig.upstream.on('second-frozen', answerJson(completion('saved')))
  await ask('frozen', 8, 200)
  engine.kill('SIGSTOP')
  await until('the frozen engine to be out', async () => {
    await ask('frozen', 4, 200)
    return (await targets()).targets.find(view => view.target === 'engine/echo')?.state === 'out'
  }, 30_000)
  engine.kill('SIGCONT')
  await until('the engine to serve again', async () => (await rig.post(chatBody('frozen'))).headers.get('headrace-target') === 'engine/echo', 30_000)
}, 60_000)

it('a credential that is refused rests, and the other one serves, at both workers', async () => {
  rig.upstream.on('keyed-auth', (socket, request) => (request.head.includes('sk-first-credential') ? refusal(401) : answerJson(completion('served')))(socket, request))
  await ask('keyed-auth', 40, 200)
  // Both workers may meet it before either has heard of the other.
  expect(rig.upstream.of('keyed-auth').filter(request => request.head.includes('sk-first')).length).toBeLessThanOrEqual(8)
  await until('the credential to be shown', async () => (await targets()).credentials.some(({ credential, reason }) => credential === 'keyed#1' && reason === 'unauthorized'))
  expect(JSON.stringify(await targets())).not.toContain('sk-first')
})

it('where the provider said until when, it is not asked before: the client is told how long', async () => {
  rig.upstream.on('first-limited', refusal(429, { 'retry-after': '60' }))
  rig.upstream.on('second-limited', refusal(429, { 'retry-after': '50' }))
  expect((await rig.post(chatBody('pair-limited'))).status).toBe(429)
  await shown('up/second-limited', view => view.credentials.some(({ reason }) => reason === 'rate-limited'))
  const before = rig.upstream.requests.length
  const answer = await rig.post(chatBody('pair-limited'))
  expect(answer.status).toBe(429)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(50)
  expect(rig.upstream.requests.length).toBe(before)
  expect((await rig.headrace.logs('model=pair-limited&outcome=refused'))[0]).toMatchObject({ status: 429, errorKind: 'upstream-rate-limited' })
})

it('where everything fails, attempts stay within the budget and clients get clean errors', async () => {
  rig.upstream.on('first-dead', refusal(500))
  rig.upstream.on('second-dead', refusal(503))
  const start = performance.now()
  let answered = 0
  for (let begun = 0; begun < 100; begun += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => rig.post(chatBody('pair-dead'))))
    for (const answer of answers) {
      expect([502, 503]).toContain(answer.status)
      expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { type: 'upstream_error' } })
      answered++
    }
  }
  const seconds = (performance.now() - start) / 1_000
  const attempts = rig.upstream.of('first-dead').length + rig.upstream.of('second-dead').length
  // What the budget holds in store, and what was under way when the first target went out.
  expect(attempts).toBeLessThanOrEqual(answered * 1.2 + 10 * seconds + 20 + 20)
  expect((await rig.headrace.logs('model=pair-dead&limit=1000', 100)).every(row => row.attempt <= 3)).toBe(true)
})
