import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import type { LimitRule } from '@headrace/contract'
import { AuthorityHost } from './authority-host.ts'
import { rule } from './lease-simulation.ts'
import type { FromChild, ToChild } from './limits-child.ts'

type Done = FromChild & { type: 'done' }

/** Real processes on real IPC channels, hosted as in the supervisor. */
class Machine {
  readonly children: ChildProcess[] = []
  readonly problems: string[] = []
  readonly host: AuthorityHost

  constructor(stateFile: string | null = null) {
    this.host = new AuthorityHost({ stateFile, onProblem: problem => this.problems.push(problem) })
  }

  async start(rules: readonly LimitRule[]): Promise<ChildProcess> {
    const child = this.host.attach(fork(new URL('./limits-child.ts', import.meta.url)))
    this.children.push(child)
    tell(child, { type: 'begin', rules })
    await heard(child, 'ready')
    return child
  }

  async stop(): Promise<void> {
    const gone = this.children.filter(child => child.connected).map(child => new Promise(resolve => child.once('disconnect', resolve)))
    for (const child of this.children) child.kill('SIGKILL')
    await Promise.all(gone)
    await this.host.stop()
  }
}

const tell = (child: ChildProcess, message: ToChild): void => { child.send(message) }
const heard = (child: ChildProcess, type: FromChild['type']): Promise<FromChild> => new Promise(resolve => {
  const listen = (message: unknown): void => {
    if ((message as FromChild).type !== type) return
    child.off('message', listen)
    resolve(message as FromChild)
  }
  child.on('message', listen)
})
async function run(children: readonly ChildProcess[], requests: number, holdMs = 0): Promise<Done[]> {
  const answers = children.map(child => heard(child, 'done') as Promise<Done>)
  for (const child of children) tell(child, { type: 'go', requests, holdMs })
  return Promise.all(answers)
}
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
const percentile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0

let machine: Machine
afterEach(() => machine.stop())

it.each([[2, 1_000], [4, 37], [3, 9_999]])('%d processes with 10,000 requests against a limit of %d admit exactly that many', async (workers, limit) => {
  machine = new Machine()
  const rules = [rule('r', 'requests', { kind: 'calendar', limit, period: 'month' }), rule('h', 'requests', { kind: 'rate', limit: 1_000_000, windowMs: 86_400_000, burst: 1_000_000 })]
  const children = await Promise.all(Array.from({ length: workers }, () => machine.start(rules)))
  const done = await run(children, Math.ceil(10_000 / workers))
  expect(sum(done.map(({ admitted }) => admitted))).toBe(limit)
  expect(sum(done.map(({ admitted, refused }) => admitted + refused))).toBeGreaterThanOrEqual(10_000)
  const waits = done.flatMap(({ waits }) => waits).toSorted((left, right) => left - right)
  if (process.env['HEADRACE_BENCH'] !== undefined) console.log({ workers, limit, p50_us: percentile(waits, 0.5) * 1e3, p99_us: percentile(waits, 0.99) * 1e3 })
}, 30_000)

it('a killed process gives back the slots of its requests and the units it did not use', async () => {
  machine = new Machine()
  const rules = [rule('c', 'concurrency', { kind: 'slots', limit: 40 }), rule('r', 'requests', { kind: 'calendar', limit: 500, period: 'month' })]
  const [victim, other] = await Promise.all([machine.start(rules), machine.start(rules)])
  if (victim === undefined || other === undefined) throw new Error('not started')
  const [first] = await run([victim], 40, 1)
  expect(first?.admitted).toBe(40)
  tell(victim, { type: 'go', requests: 40, holdMs: 60_000 })
  // The victim's requests are in once nobody else finds a slot.
  for (let tries = 0; tries < 200; tries++) {
    const [probe] = await run([other], 1)
    if (probe?.admitted === 0) break
  }
  const gone = new Promise(resolve => victim.once('disconnect', resolve))
  victim.kill('SIGKILL')
  await gone
  const [after] = await run([other], 40, 50)
  expect(after?.admitted).toBe(40)
  expect(after?.peak).toBe(40)
}, 30_000)

it('what was used of a month outlives a restart; a file that makes no sense is told and does no harm', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-limits-'))
  const file = join(directory, 'limits.state')
  const rules = [rule('r', 'requests', { kind: 'calendar', limit: 100, period: 'month' })]
  try {
    machine = new Machine(file)
    expect((await run([await machine.start(rules)], 70))[0]?.admitted).toBe(70)
    await machine.stop()
    machine = new Machine(file)
    const again = (await run([await machine.start(rules)], 100))[0]?.admitted ?? 0
    // What the killed worker had announced and not used counts as used.
    expect(again).toBeLessThanOrEqual(30)
    expect(again).toBeGreaterThan(15)
    await machine.stop()
    writeFileSync(file, 'nonsense')
    machine = new Machine(file)
    expect(machine.problems).toHaveLength(1)
    expect((await run([await machine.start(rules)], 10))[0]?.admitted).toBe(10)
  } finally {
    await machine.stop()
    rmSync(directory, { recursive: true })
  }
}, 30_000)
