import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { ENGINE, scenarioConfig, SCENARIOS, verdictOf, WIRES } from '../harness/failover-scenarios.ts'
import { startHeadrace, type Headrace } from '../harness/start-headrace.ts'

let sandbox: Sandbox
let headrace: Headrace
beforeAll(async () => {
  sandbox = await startSandbox()
  headrace = await startHeadrace({ config: scenarioConfig(`http://${sandbox.host}:${sandbox.port}`, 'd', {}) })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await sandbox?.close()
})

/** Milliseconds that the benchmark gives a call at most. */
const LONGEST_MS = 100_000

describe.each(WIRES)('the fail-over scenarios with all defaults and the benchmark\'s own times, on the wire of $wire', ({ dialect, ask }) => {
  it('each is passed or safe, in time', async () => {
    const whole = await ask(headrace.url, `${dialect}/${ENGINE}`)
    const verdicts = await Promise.all(SCENARIOS.map(async scenario => {
      const begun = performance.now()
      const verdict = await verdictOf(ask(headrace.url, `${scenario.id}-${dialect}`), scenario, whole.text)
      return [scenario.id, verdict, performance.now() - begun < LONGEST_MS] as const
    }))
    expect(verdicts.filter(([, verdict, inTime]) => verdict === 'fail' || !inTime)).toEqual([])
  }, 2 * LONGEST_MS)
})
