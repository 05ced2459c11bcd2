import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PATH, RawClient, startEdge, type Harness } from './edge-harness.ts'
import { frontDoorVectors } from './front-door-vectors.ts'

const { refused: REFUSED, served: SERVED } = frontDoorVectors('hi')

describe.each(['fast', 'node-http'] as const)('front door, %s (check H2)', listener => {
  let harness: Harness
  beforeAll(async () => { harness = await startEdge({ listener }) })
  afterAll(() => harness.close())

  test.each(Object.entries(REFUSED))('refuses and closes: %s', async (_name, [text, ...statuses]) => {
    harness.seen.length = 0
    const answer = await RawClient.to(harness.port).send(text).rest()
    expect(statuses).toContain(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]))
    expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(harness.seen).toEqual([])
  })

  test.each(Object.entries(SERVED))('serves: %s', async (_name, text) => {
    harness.seen.length = 0
    const client = RawClient.to(harness.port).send(text)
    expect(await client.until(seen => seen.includes(`serve ${PATH}`))).toContain('HTTP/1.1 200 OK')
    client.socket.destroy()
    expect(harness.seen.map(seen => [seen.kind, seen.body])).toEqual([['serve', 'hi']])
  })

  test('drops trailers before anybody could ask for them', async () => {
    harness.seen.length = 0
    const client = RawClient.to(harness.port).send(`POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\n\r\n`)
    await client.until(seen => seen.includes('serve'))
    client.socket.destroy()
    expect(harness.seen[0]?.head.header('authorization')).toBeUndefined()
  })
})
