import { afterEach, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { churn, type Churn } from '../harness/churn.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY, runHeadrace } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
afterEach(() => rig?.stop())

const HEADERS = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] as const

/** Half of the clients open a connection for every request, the others keep theirs; one request in four is a stream. */
async function start(): Promise<Churn> {
  rig = await startRig({ args: ['--workers', '2'] })
  rig.upstream.on('quick', answerJson(completion('x')))
  rig.upstream.on('stream', answerStream(stream(['a', 'b', 'c']), 5))
  return churn({
    port: () => rig.headrace.port, clients: 16, perConnection: client => client % 2 === 0 ? 1 : 50,
    request: (client, turn) => (client + turn) % 4 === 0
      ? { headers: HEADERS, body: chatBody('up/stream', { stream: true }) }
      : { headers: HEADERS, body: chatBody('up/quick'), chunked: client % 4 === 3 },
  })
}

async function rotate(clients: Churn, command: 'restart' | 'upgrade', rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const before = clients.result.answered
    const { code, output } = await runHeadrace([command, '--data', rig.headrace.dataDirectory], { limitMs: 60_000 })
    expect([code, output]).toEqual([0, expect.any(String)])
    await until('more answers', () => clients.result.answered > before + 50, 30_000)
  }
}

async function expectNothingLost(clients: Churn, least: number): Promise<void> {
  const { answered, refused, reset, failed } = await clients.stop()
  expect({ refused, reset, failed }).toEqual({ refused: 0, reset: 0, failed: [] })
  expect(answered).toBeGreaterThan(least)
  expect(rig.upstream.requests.length).toBe(answered)
  const logged = async (outcome: string): Promise<number> => {
    let rows = 0
    for (let after = 0, page = 0; page < 100; page++) {
      const { body } = await rig.headrace.admin(`/logs?after=${after}&limit=1000&outcome=${outcome}`)
      const found = (body as { rows: { cursor: number }[] }).rows
      rows += found.length
      if (found.length < 1_000) return rows
      after = found.at(-1)?.cursor ?? after
    }
    throw new Error('The log does not end')
  }
  await until('every call to be in the log', async () => await logged('settled') === answered, 30_000)
  expect(await logged('unknown')).toBe(0)
}

it('twenty restarts of two workers under a churn of connections: 0 refused, 0 reset, 0 failed', { timeout: 280_000 }, async () => {
  const clients = await start()
  await rotate(clients, 'restart', 20)
  await expectNothingLost(clients, 3_000)
})

it('five upgrades of the whole under a churn of connections: 0 refused, 0 reset, 0 failed', { timeout: 280_000 }, async () => {
  const clients = await start()
  await rotate(clients, 'upgrade', 5)
  await expectNothingLost(clients, 1_000)
})
