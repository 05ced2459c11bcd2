import { afterAll, beforeAll, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const LIMITED = 'lorem:tokens=20,tpm=120000,ttft=20ms'

let engine: Sandbox
let rig: Rig
beforeAll(async () => {
  engine = await startSandbox()
  rig = await startRig({
    args: ['--workers', '2', '--no-sandbox'],
    config: upstream => ({
      providers: { up: { base_url: upstream.url, credentials: [] }, engine: { base_url: `http://127.0.0.1:${engine.port}/v1`, credentials: ['sk-engine'] } },
      models: { paced: [`engine/${LIMITED}`], spilled: [`engine/${LIMITED.replace('20ms', '21ms')}`, 'up/second-spilled'] },
    }),
  })
}, 30_000)
afterAll(async () => {
  await rig?.stop()
  await engine?.close()
})

const ask = async (model: string): Promise<{ status: number, target: string }> => {
  const { status, headers } = await rig.post(chatBody(model, { max_tokens: 200 }))
  return { status, target: headers.get('headrace-target') ?? '' }
}
/** Takes most of the limit's savings away, as somebody else with the same credential would. */
async function drain(model: string): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${engine.port}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'all' }], max_tokens: 114_000 }),
  })
  expect(answer.status).toBe(200)
}

it('more requests than a provider\'s token limit allows wait for their turn at both workers, and the provider refuses next to none', async () => {
  await drain(LIMITED)
  // What its answers say is known everywhere before the load begins.
  for (let turn = 0; turn < 4; turn++) await ask('paced')
  let answered = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (answered < 70) {
      const { status } = await ask('paced')
      expect(status).toBe(200)
      answered++
    }
  }))
  const [used] = engine.quotas()
  // Each asks for 220 tokens, and only some 25 of them fit into what was left.
  expect(used?.requests).toBeGreaterThanOrEqual(70)
  expect(used?.refused).toBeLessThanOrEqual(1)
  const rows = await rig.headrace.logs('model=paced&limit=100', 70)
  expect(rows.filter(row => row.status === 200).length).toBeGreaterThanOrEqual(70)
}, 60_000)

it('where another target is well, requests go there before they would queue for long', async () => {
  rig.upstream.on('second-spilled', answerJson(completion('spilled')))
  await drain(LIMITED.replace('20ms', '21ms'))
  const targets: string[] = []
  await Promise.all(Array.from({ length: 12 }, async () => {
    for (let turn = 0; turn < 8; turn++) {
      const { status, target } = await ask('spilled')
      expect(status).toBe(200)
      targets.push(target)
    }
  }))
  expect(targets.filter(target => target === 'up/second-spilled').length).toBeGreaterThan(10)
  expect(targets.filter(target => target.startsWith('engine/')).length).toBeGreaterThan(10)
  const why = await until('a request to be told why', async () => {
    const burst = await Promise.all(Array.from({ length: 12 }, () => rig.post(chatBody('spilled', { max_tokens: 200 }), [['headrace-explain', '1']])))
    return burst.map(answer => answer.headers.get('headrace-explain') ?? '').find(text => text.includes('its rate limit is used up'))
  })
  expect(JSON.parse(why)).toMatchObject([{ did: 'skipped' }, { target: 'up/second-spilled', did: 'chosen', why: 'the first in order that is well' }])
}, 60_000)
