import { afterEach, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { DialectClient, type Answered } from '../harness/dialect-client.ts'
import { startEngines, type EngineProcess } from '../harness/engine-processes.ts'
import { pause } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { quantile, steadyLoad } from '../harness/steady-load.ts'
import { until } from '../harness/until.ts'

/** Slow enough that what is measured is the engines and the way to them, not the machine: 150 ms to the first token, 250 ms in all. */
const ENGINE = 'echo:ttft=150ms,gap=10ms'
const PROMPT = 'ten words, so that the answer takes its time'

/**
 * Each way to fail, as a condition of the engine. The first of four targets fails: the one that everybody goes to. None of those of `nothing` does: what takes longer there
 * is the machine's doing.
 */
const FAILURES = {
  'nothing': '', '5xx': 'status=503', 'reset': 'reset=before-head', 'frozen': 'frozen', 'ten times slower': 'ttft=1500ms,gap=100ms', '30 % flaky': 'status=500,share=30', 'lying 200s': 'error_body',
} as const
type Failure = keyof typeof FAILURES
const KINDS = Object.keys(FAILURES) as Failure[]

const PER_SECOND = 20
const HEALTHY_MS = 6_000
const FAULTY_MS = 16_000
const SETTLED_MS = 5_000
const BACK_MS = 30_000

let headrace: Headrace | null = null
let engines: EngineProcess[] = []
let sandbox: Sandbox | null = null
let client: DialectClient | null = null
afterEach(async () => {
  client?.close()
  await headrace?.stop()
  for (const engine of engines) engine.stop()
  await sandbox?.close()
  headrace = client = sandbox = null
  engines = []
}, 20_000)

const provider = (url: string, more: object = {}): object => ({ base_url: `${url}/v1`, credentials: [], timeouts: { connect: '10s', first_token: '10s', idle: '10s', total: '60s' }, ...more })
const targetOf = (answer: Answered): string => String(answer.headers['headrace-target'])

describe.each([1, 2])('one of four targets fails, with %i worker(s)', workers => {
  it('and clients are answered as ever after five seconds; healed it serves again within thirty', { timeout: 240_000 }, async () => {
    engines = await startEngines(KINDS.length + 3)
    const providers = Object.fromEntries(engines.map((engine, index) => [`e${index}`, provider(engine.url)]))
    // Each kind has an engine of its own, and the three healthy ones under names of its own: nobody's standing is another one's.
    const models = Object.fromEntries(KINDS.map((_, kind) => [`m${kind}`, [kind, ...[0, 1, 2].map(other => KINDS.length + other)].map(engine => `e${engine}/${ENGINE},id=m${kind}`)]))
    headrace = await startHeadrace({ config: { providers, models }, args: ['--workers', String(workers), '--no-sandbox'] })
    const load = steadyLoad(client = new DialectClient(() => headrace?.port ?? 0, API_KEY), PER_SECOND * KINDS.length, turn => {
      const kind = turn % KINDS.length
      return { tag: kind, question: { wire: 'openai-chat', model: `m${kind}`, prompt: PROMPT, stream: Math.floor(turn / KINDS.length) % 2 === 0 } }
    })
    await pause(HEALTHY_MS)
    const brokeAt = performance.now()
    await Promise.all(KINDS.map((kind, index) => engines[index]?.set(FAILURES[kind])))
    await pause(FAULTY_MS)
    const healedAt = performance.now()
    await Promise.all(KINDS.map((_, index) => engines[index]?.set('')))
    const isBack = (kind: number): boolean => load.answered.filter(answer => answer.tag === kind).slice(-20).filter(answer => targetOf(answer).startsWith(`e${kind}/`)).length >= 18
    const backAfter = KINDS.map(() => Infinity)
    await until('all to be back', () => {
      for (const kind of KINDS.keys()) if (backAfter[kind] === Infinity && isBack(kind)) backAfter[kind] = performance.now() - healedAt
      return backAfter.every(after => after < Infinity)
    }, BACK_MS + 15_000).catch(() => undefined)
    await load.stop()

    const p99 = (answers: readonly Answered[]): number => quantile(answers.map(({ sentAt, endedAt }) => endedAt - sentAt), 0.99)
    const usual = p99(load.answered.filter(({ tag, sentAt }) => KINDS[tag] === 'nothing' && sentAt >= brokeAt + SETTLED_MS && sentAt < healedAt))
    for (const [kind, name] of KINDS.entries()) {
      if (name === 'nothing') continue
      const mine = load.answered.filter(answer => answer.tag === kind)
      const later = mine.filter(({ sentAt }) => sentAt >= brokeAt + SETTLED_MS && sentAt < healedAt)
      const before = mine.filter(({ sentAt, endedAt }) => sentAt > brokeAt - HEALTHY_MS + 2_000 && endedAt < brokeAt)
      const bad = (answers: readonly Answered[]): string[] => answers.filter(({ ending, text }) => ending !== 'whole' || text !== PROMPT).map(({ ending, status, why }) => `${ending} ${status} ${why}`)
      expect.soft(before.length, name).toBeGreaterThan(50)
      expect.soft(bad(before), name).toEqual([])
      expect.soft(later.length, name).toBeGreaterThan(200)
      expect.soft(bad(later), `${name}: of ${later.length} after five seconds`).toEqual(bad(later).slice(0, later.length * 0.001))
      expect.soft(p99(later), `${name}: p99 after five seconds`).toBeLessThanOrEqual(2 * Math.max(usual, p99(before)))
      expect.soft(later.filter(answer => targetOf(answer).startsWith(`e${kind}/`)).length / later.length, `${name}: share of the failing one`).toBeLessThan(kind === KINDS.indexOf('30 % flaky') ? 0.25 : 0.05)
      expect.soft(backAfter[kind], `${name}: back in rotation`).toBeLessThanOrEqual(BACK_MS)
    }
  })
})

/** How all of a model's four targets fail. */
const CUT = 'cut,after=3'
const DEAD = ['status=503', 'status=500', 'reset=before-head', 'hang=accept', 'error_body', 'html,status=200', CUT, 'status=429'] as const

describe.each([1, 2])('all targets fail, with %i worker(s)', workers => {
  it('attempts stay within the retry budget, and each client gets an error in its dialect', { timeout: 120_000 }, async () => {
    const engine = sandbox = await startSandbox()
    const url = `http://${engine.host}:${engine.port}`
    const providers = Object.fromEntries([0, 1, 2, 3].map(index => [`e${index}`, provider(url, { timeouts: { connect: '1s', first_token: '1s', idle: '1s', total: '60s' } })]))
    const models = Object.fromEntries(DEAD.map((fault, kind) => [`m${kind}`, [0, 1, 2, 3].map(index => `e${index}/echo:${fault},id=m${kind}e${index}`)]))
    headrace = await startHeadrace({ config: { providers, models }, args: ['--workers', String(workers), '--no-sandbox'] })
    const load = steadyLoad(client = new DialectClient(() => headrace?.port ?? 0, API_KEY), 80, turn => ({
      tag: turn % DEAD.length,
      question: { wire: (['openai-chat', 'anthropic-messages', 'openai-responses'] as const)[Math.floor(turn / 8) % 3] ?? 'openai-chat', model: `m${turn % DEAD.length}`, prompt: PROMPT, stream: Math.floor(turn / 16) % 2 === 0 },
    }))
    await pause(20_000)
    await load.stop()
    const requests = load.answered.length
    const seconds = (Math.max(...load.answered.map(({ endedAt }) => endedAt)) - Math.min(...load.answered.map(({ sentAt }) => sentAt))) / 1_000
    const calls = engine.calls().count
    expect(requests).toBeGreaterThan(400)
    expect(calls).toBeGreaterThan(requests * 0.3)
    // And what is in the bucket at the start.
    expect(calls).toBeLessThanOrEqual(1.2 * requests + 10 * seconds + 20)
    const perRequest = new Map<string, number>()
    for (const id of engine.calls().requestIds) perRequest.set(id, (perRequest.get(id) ?? 0) + 1)
    expect(Math.max(...perRequest.values())).toBeLessThanOrEqual(3)
    const isClean = ({ ending, status, tag }: typeof load.answered[number]): boolean => ending === 'refused' ? [429, 502, 503, 504, 529].includes(status) : ending === 'told' && DEAD[tag] === CUT
    expect(load.answered.filter(answer => !isClean(answer)).map(({ ending, status, why, raw, tag }) => [DEAD[tag], ending, status, why, raw])).toEqual([])
  })
})
