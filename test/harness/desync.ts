import { expect } from 'vitest'
import { chatBody, completion, DONE, finishEvent, textEvent } from './completions.ts'
import { chunk, LAST_CHUNK, STREAM_HEAD, type Script, type SeenRequest } from './scripted-upstream.ts'
import type { Rig } from './start-rig.ts'

const OK = 'HTTP/1.1 200 OK\r\n'
const CANARY = /canary-\d{6}/g

/** An answer that holds its request's own canary and nothing else, as one that misframes may send it. */
function misframed(random: () => number): Script {
  return (socket, request) => {
    const own = canaryOf(request)
    const json = JSON.stringify(completion(own))
    const honest = `${OK}content-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`
    const streamed = Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent(own)), chunk(finishEvent() + DONE), LAST_CHUNK])
    const lies = [
      `${OK}content-type: application/json\r\ncontent-length: ${json.length - 20}\r\n\r\n${json}`,
      honest + honest,
      `${honest}${own} surplus`,
      `${honest}HTTP/1.1 100 Continue\r\n\r\n`,
      `${OK}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\n\r\n${honest}`,
      `${OK}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${json.length.toString(16)}\r\n${json}\r\n0\r\nx-trailer: ${own}\r\ncontent-length: 5\r\n\r\n`,
      `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000)}${honest}`,
      `${'HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n'.repeat(3)}${honest}`,
      `${OK}content-length: 1\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
      `${OK}content-length: ${json.length}\r\ntransfer-encoding: chunked\r\n\r\n${json}`,
      `HTTP/1.1 204 No Content\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
      `HTTP/1.1 304 Not Modified\r\ncontent-length: ${json.length}\r\n\r\n${json}`,
    ]
    request.answeredAt = performance.now()
    const dice = Math.floor(random() * 40)
    if (dice < lies.length) return void socket.write(lies[dice] ?? '')
    if (request.body.includes('"stream":true')) return void socket.write(streamed)
    socket.write(honest)
    // What comes late lies in wait for the next call of this connection.
    if (dice === lies.length) setImmediate(() => socket.write(`${own} late`))
    if (dice === lies.length + 1) setTimeout(() => socket.write(`${own} later`), 5)
  }
}

const canaryOf = (request: SeenRequest): string => request.body.toString().match(CANARY)?.[0] ?? ''

/** So many calls, each with a canary of its own, through a provider that lies about its framing in every third: only one's own ever comes back. */
export async function expectNoForeignAnswer(rig: Rig, calls: number): Promise<void> {
  let seed = 11
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  rig.upstream.on('*', misframed(random))
  rig.upstream.requests.length = 0
  const foreign: string[] = []
  let whole = 0
  let failed = 0
  let next = 0
  const client = async (): Promise<void> => {
    while (next < calls) {
      const own = `canary-${String(next++).padStart(6, '0')}`
      const answer = await rig.post(chatBody('up/lies', { stream: next % 3 === 0, user: own }))
      const text = answer.head + answer.body.toString('latin1')
      foreign.push(...[...text.matchAll(CANARY)].map(([found]) => found).filter(found => found !== own).map(found => `${found} in the answer to ${own}`))
      if (answer.status === 200 && answer.complete && text.includes(own)) whole++
      else failed++
    }
  }
  await Promise.all(Array.from({ length: 12 }, client))
  expect(foreign).toEqual([])
  expect(whole).toBeGreaterThan(calls / 3)
  expect(failed).toBeGreaterThan(calls / 20)
  // Connections were kept and used again: else nothing was tried.
  expect(rig.upstream.requests.length).toBeGreaterThan(calls * 0.9)
}
