import { appendFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { answerJson, answerStream, startScriptedUpstream, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, renderConfig, runHeadrace, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

let upstream: ScriptedUpstream
let headrace: Headrace
let generation = 0
const config = (target: number | string): Record<string, unknown> => ({
  providers: { up: { base_url: upstream.url, credentials: ['sk-up-credential'] } },
  models: { moving: [`up/generation-${target}`], streaming: [`up/stream-${target}`] },
})
const ask = (body = chatBody('moving')): Promise<RawAnswer> =>
  sendRaw(headrace.port, { body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
const target = async (): Promise<string> => (await ask()).headers.get('headrace-target') ?? ''
const serves = (wanted: number): Promise<unknown> => until(`generation ${wanted} to serve`, async () => await target() === `up/generation-${wanted}`, 8_000)

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  upstream.on('*', answerJson(completion('x')))
  headrace = await startHeadrace({ config: config(0) })
}, 20_000)
afterAll(async () => {
  await headrace?.stop()
  await upstream?.stop()
})

describe('a changed file is in force', () => {
  const ways: readonly { readonly way: string, readonly trigger: () => Promise<unknown> }[] = [
    { way: 'when it is replaced', trigger: async () => undefined },
    { way: 'on SIGHUP', trigger: async () => process.kill(headrace.pids().supervisor, 'SIGHUP') },
    { way: 'on POST /admin/v1/reload', trigger: async () => expect((await headrace.admin('/reload', 'POST')).status).toBe(200) },
  ]
  it.each(ways)('$way', async ({ trigger }) => {
    headrace.writeConfig(config(++generation))
    await trigger()
    await serves(generation)
  })

  it('at once after POST /admin/v1/reload has answered', async () => {
    headrace.writeConfig(config(++generation))
    expect((await headrace.admin('/reload', 'POST')).status).toBe(200)
    expect(await target()).toBe(`up/generation-${generation}`)
  })
})

describe('under load', () => {
  it('twenty reloads fail no request, and each request sees one version, never an older one again', { timeout: 20_000 }, async () => {
    let stopping = false
    const first = generation
    const failures: string[] = []
    let answered = 0
    const client = async (): Promise<void> => {
      let newest = 0
      while (!stopping) {
        const answer = await ask()
        const seen = Number(/generation-(\d+)$/.exec(answer.headers.get('headrace-target') ?? '')?.[1] ?? -1)
        answered++
        if (answer.status !== 200 || seen < newest) failures.push(`${answer.status} ${seen} after ${newest}: ${answer.body.toString()}`)
        newest = Math.max(newest, seen)
      }
    }
    const clients = Array.from({ length: 6 }, client)
    for (let round = 0; round < 20; round++) {
      headrace.writeConfig(config(++generation))
      const { status, body } = await headrace.admin('/reload', 'POST')
      expect({ status, body }).toMatchObject({ status: 200 })
    }
    stopping = true
    await Promise.all(clients)
    expect(failures).toEqual([])
    expect(answered).toBeGreaterThan(50)
    expect(generation - first).toBe(20)
    await serves(generation)
  })

  it('an answer in flight keeps the version it began with', async () => {
    const events = stream(['a', 'b', 'c', 'd', 'e', 'f'], false)
    upstream.on(`stream-${generation}`, answerStream(events, 60))
    const old = generation
    const running = ask(chatBody('streaming', { stream: true }))
    await upstream.seen(`stream-${old}`)
    headrace.writeConfig(config(++generation))
    expect((await headrace.admin('/reload', 'POST')).status).toBe(200)
    const answer = await running
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toBe(events.join(''))
    expect(answer.headers.get('headrace-target')).toBe(`up/stream-${old}`)
  })
})

describe('a bad file', () => {
  const bad: readonly { readonly name: string, readonly text: () => string, readonly says: RegExp }[] = [
    { name: 'broken syntax', text: () => 'server:\n  port: [1\nmodels: }\n', says: /3:\d+: .*YAML/s },
    { name: 'an unknown key', text: () => 'server:\n  prot: 1\n', says: /2:3.*prot.*port/s },
    { name: 'a target nobody provides', text: () => 'models:\n  m: nowhere/x\n', says: /2:\d+.*nowhere/s },
    { name: 'a variable that is not set', text: () => 'providers:\n  up:\n    base_url: http://127.0.0.1:1\n    credentials: ["${HEADRACE_TEST_NOT_SET}"]\n', says: /4:\d+.*HEADRACE_TEST_NOT_SET/s },
  ]
  it.each(bad)('with $name is refused with its place, and the good one stays', async ({ text, says }) => {
    headrace.writeConfig(text())
    const { status, body } = await headrace.admin('/reload', 'POST')
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(JSON.stringify(body)).toMatch(says)
    expect(await target()).toBe(`up/generation-${generation}`)
    const checked = await runHeadrace(['check', headrace.configPath])
    expect(checked.code).not.toBe(0)
    expect(checked.output).toMatch(says)
  })

  it('is said in the log of the process when it came by SIGHUP, and does not keep the next good one out', async () => {
    headrace.writeConfig('servre: {}\n')
    process.kill(headrace.pids().supervisor, 'SIGHUP')
    await until('the refusal to be printed', () => headrace.output().includes('servre'), 5_000)
    expect(await target()).toBe(`up/generation-${generation}`)
    headrace.writeConfig(config(++generation))
    await serves(generation)
    appendFileSync(headrace.configPath, '\n')
    await serves(generation)
  })
})

describe('the command', () => {
  it('`check` accepts a good file, without showing its secrets', async () => {
    headrace.writeConfig(renderConfig(config(++generation)))
    const { code, output } = await runHeadrace(['check', headrace.configPath])
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).not.toContain('sk-up-credential')
    expect(output).not.toContain(API_KEY)
  })

  it('`explain MODEL` prints where a request would go', async () => {
    const { code, output } = await runHeadrace(['explain', 'moving', '--config', headrace.configPath])
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toContain(`up/generation-${generation}`)
    expect(output).not.toContain('sk-up-credential')
    expect((await runHeadrace(['explain', 'no-such-model', '--config', headrace.configPath])).code).not.toBe(0)
  })
})
