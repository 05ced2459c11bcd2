import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { ENGINE, fallbackOf, OUTAGE, primaryOf, scenarioConfig, SCENARIOS, verdictOf, WIRES } from '../harness/failover-scenarios.ts'
import { startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

/** What breaks after the client has got a part of it. */
const BROKEN_OFF = ['S08', 'S09', 'S10', 'S14']

let sandbox: Sandbox
let headrace: Headrace
let plain: Headrace
beforeAll(async () => {
  sandbox = await startSandbox()
  // Times that the benchmark gives in tens of seconds are shorter here, the limits with them.
  const timeouts = { connect: '2s', first_token: '1500ms', idle: '1s', total: '60s' }
  const url = `http://${sandbox.host}:${sandbox.port}`
  headrace = await startHeadrace({ config: { ...scenarioConfig(url, 'r', { timeouts }, 'continue'), relay: { max_attempts: 4 } } })
  plain = await startHeadrace({ config: scenarioConfig(url, 'd', { timeouts }) })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await plain?.stop()
  await sandbox?.close()
})

const callsOf = (model: string): number => sandbox.calls().calls.filter(call => call.model === model).length

describe.each(WIRES)('fail-over on the wire of $wire', ({ dialect, finish, refusal, ask }) => {
  it.each(SCENARIOS)('$id: $does', async scenario => {
    const asked = ask(headrace.url, `${scenario.id}-${dialect}`)
    const seen = (): number => callsOf(primaryOf(scenario, dialect, 'r'))
    if (scenario.serves === 'refused') {
      await expect(asked).rejects.toThrow(refusal)
      await expect(asked).rejects.toThrow(/content.*policy/)
      expect(callsOf(fallbackOf(scenario, dialect, 'r'))).toBe(0)
    } else {
      const answer = await asked
      const whole = await ask(headrace.url, `${dialect}/${ENGINE}`)
      expect([answer.text, answer.finish]).toEqual([whole.text, finish])
      expect(answer.outputTokens).toBeGreaterThan(0)
      if (scenario.serves !== 'either') expect(answer.model).toContain(scenario.serves === 'fallback' ? `${scenario.id}-fallback` : scenario.id)
    }
    expect(seen()).toBeGreaterThanOrEqual(scenario.attempts[0])
    expect(seen()).toBeLessThanOrEqual(scenario.attempts[1])
  })

  it('S15: an outage is served by the fallback, and the primary comes back by itself', async () => {
    const model = `${OUTAGE.id}-${dialect}`
    const first = await ask(headrace.url, model)
    expect(first.model).toContain('S15-fallback')
    const back = await until('the primary to be back', async () => {
      const answer = await ask(headrace.url, model)
      expect(answer.text).toBe(first.text)
      return answer.model.includes('S15-fallback') ? null : answer
    }, 30_000)
    expect(back.model).toContain(primaryOf(OUTAGE, dialect, 'r'))
  }, 40_000)

  it('without `rescue` none fails: the answer is whole, or an error says that it is not', async () => {
    const whole = await ask(plain.url, `${dialect}/${ENGINE}`)
    const verdicts = await Promise.all(SCENARIOS.map(async scenario => [scenario.id, await verdictOf(ask(plain.url, `${scenario.id}-${dialect}`), scenario, whole.text)] as const))
    expect(verdicts.filter(([, verdict]) => verdict === 'fail')).toEqual([])
    expect(verdicts.filter(([, verdict]) => verdict === 'safe').map(([id]) => id)).toEqual(BROKEN_OFF)
  })
})
