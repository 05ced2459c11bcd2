import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, DONE, textEvent } from '../harness/completions.ts'
import { expectNoForeignAnswer } from '../harness/desync.ts'
import { HOSTILE_ANSWERS } from '../harness/hostile-answers.ts'
import { MIB, watchMemory } from '../harness/process-memory.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { WORKER_DIED } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
beforeAll(async () => { rig = await startRig({ config: () => ({ relay: { max_attempts: 1 } }) }) }, 20_000)
afterAll(() => rig?.stop())

describe('a provider that means harm (check U4)', () => {
  it('gets nowhere: its client has an error, the worker its memory and its other clients their answers', { timeout: 40_000 }, async () => {
    rig.upstream.on('good', answerJson(completion('fine')))
    await rig.post(chatBody('up/good'))
    const memory = watchMemory(rig.headrace)
    for (const { name, script, stream, statuses } of HOSTILE_ANSWERS) {
      rig.upstream.on('hostile', script)
      const [hostile, good] = await Promise.all([rig.post(chatBody('up/hostile', { stream })), rig.post(chatBody('up/good'))])
      expect(statuses, `${name}: ${hostile.head}`).toContain(hostile.status)
      expect(hostile.body.length, name).toBeLessThan(2 * MIB)
      expect(hostile.body.toString('latin1'), name).not.toContain('yyyy')
      expect([good.status, good.body.toString()], name).toEqual([200, JSON.stringify(completion('fine'))])
    }
    expect(memory.stop()).toBeLessThan(64 * MIB)
    expect(rig.headrace.output()).not.toMatch(WORKER_DIED)
  })

  it('is no other where its answer is translated', { timeout: 40_000 }, async () => {
    const memory = watchMemory(rig.headrace)
    const body = (stream: boolean): string => JSON.stringify({ model: 'up/hostile', max_tokens: 10, stream, messages: [{ role: 'user', content: 'hello' }] })
    for (const { name, script, stream } of HOSTILE_ANSWERS) {
      rig.upstream.on('hostile', script)
      const answer = await rig.post(body(stream), [], { path: '/v1/messages' })
      expect(answer.body.length, name).toBeLessThan(2 * MIB)
      if (answer.status === 200) expect(answer.body.toString('latin1'), name).toContain('error')
      else expect(answer.status, name).toBeGreaterThanOrEqual(400)
    }
    expect(memory.stop()).toBeLessThan(64 * MIB)
  })

  it('whose long answers are honest is believed: bytes pass without being held', async () => {
    const long = Array.from({ length: 2_000 }, (_, turn) => textEvent(`${turn} ${'z'.repeat(1_000)}`))
    rig.upstream.on('long', answerStream([...long, DONE]))
    const memory = watchMemory(rig.headrace)
    const answer = await rig.post(chatBody('up/long', { stream: true }))
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toContain('1999 zzz')
    expect(memory.stop()).toBeLessThan(64 * MIB)
  })
})

it('no byte of one answer is ever in another, over pooled connections to a provider that misframes at random (check H8)', { timeout: 40_000 }, () => expectNoForeignAnswer(rig, 600))

it('an answer that comes before it was asked for ends its connection, and nobody gets it', { timeout: 20_000 }, async () => {
  const honest = (text: string): string => {
    const json = JSON.stringify(completion(text))
    return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`
  }
  let sayMore = (): void => {}
  rig.upstream.on('twice', (socket, request) => {
    socket.write(honest('asked for'))
    request.answeredAt = performance.now()
    sayMore = () => { socket.write(honest('not asked for')) }
  })
  for (let turn = 0; turn < 20; turn++) {
    const before = rig.upstream.connections()
    expect((await rig.post(chatBody('up/twice'))).body.toString()).toContain('"asked for"')
    sayMore()
    // While it is idle any byte is one too many. (After the next request has gone out nobody could tell it from that one's answer.)
    await until('the connection to be given up', () => rig.upstream.connections() < Math.max(1, before))
  }
})
