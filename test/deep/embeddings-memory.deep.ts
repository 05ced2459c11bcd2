import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { MIB, watchMemory } from '../harness/process-memory.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const COUNT = 2_048
const DIMENSIONS = 1_536
/** What such an answer may cost beside it: it is not held. */
const MOST = 8 * MIB
const WARM_UP = 50

/** A vector's JSON text, 31 KiB of it. */
const VECTOR = `[${Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(at + 1).toFixed(17)).join(',')}]`

/** A provider that answers in both formats, at the pace of who reads. */
function startEngine(): Promise<Server> {
  const server = createServer((asked, response) => {
    let body = ''
    asked.on('data', (chunk: Buffer) => { body += chunk.toString() }).on('end', () => {
      const count = (JSON.parse(body) as { readonly input: readonly string[] }).input.length
      const ollama = asked.url === '/api/embed'
      response.writeHead(200, { 'content-type': 'application/json' })
      response.write(ollama ? '{"model":"m","embeddings":[' : '{"object":"list","data":[')
      let sent = 0
      const go = (): void => {
        for (; sent < count; sent++) {
          const element = ollama ? VECTOR : `{"object":"embedding","index":${sent},"embedding":${VECTOR}}`
          if (!response.write((sent === 0 ? '' : ',') + element)) {
            sent++
            response.once('drain', go)
            return
          }
        }
        response.end(ollama ? '],"total_duration":1,"prompt_eval_count":7}' : '],"model":"m","usage":{"prompt_tokens":7,"total_tokens":7}}')
      }
      go()
    })
  })
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)))
}

let engine: Server
let headrace: Headrace
beforeAll(async () => {
  engine = await startEngine()
  const url = `http://127.0.0.1:${(engine.address() as AddressInfo).port}`
  headrace = await startHeadrace({
    config: { providers: { own: { base_url: `${url}/v1`, credentials: [], dialect: 'openai-chat' }, other: { base_url: url, dialect: 'ollama-chat', credentials: [] } } }, args: ['--no-sandbox', '--workers', '1'],
  })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  engine?.closeAllConnections()
  engine?.close()
})

/** Bytes of the answer; nothing of it is kept here. */
function ask(model: string, format: string, count: number): Promise<{ readonly bytes: number, readonly tail: string }> {
  const body = JSON.stringify({ model, input: Array.from({ length: count }, (_, at) => `text ${at}`), encoding_format: format })
  return new Promise((resolve, reject) => {
    const asked = request(`${headrace.url}/v1/embeddings`, { method: 'POST', headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' } }, answer => {
      let bytes = 0
      let tail = ''
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        tail = (tail + chunk.subarray(-200).toString('latin1')).slice(-200)
      })
      answer.on('end', () => resolve({ bytes, tail }))
      answer.on('error', reject)
    })
    asked.on('error', reject).end(body)
  })
}

it.each([['own/m', 'float'], ['other/m', 'float'], ['other/m', 'base64']])('2,048 embeddings of %s as %s flow with at most 8 MiB beside them', async (model, format) => {
  // What the first such requests load, short and long, is not this one's.
  for (let warm = 0; warm < WARM_UP; warm++) await ask(model, format, 64)
  const grown: number[] = []
  for (let round = 0; round < 6; round++) {
    const watch = watchMemory(headrace)
    const { bytes, tail } = await ask(model, format, COUNT)
    grown.push(watch.stop())
    expect(tail).toContain('"prompt_tokens":7')
    expect(bytes).toBeGreaterThan(COUNT * DIMENSIONS * (format === 'float' ? 15 : 5))
  }
  process.stdout.write(`memory grew by ${grown.map(bytes => (bytes / MIB).toFixed(1)).join(', ')} MiB\n`)
  expect(Math.max(...grown)).toBeLessThan(MOST)
}, 120_000)
