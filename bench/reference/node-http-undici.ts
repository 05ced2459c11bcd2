import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { Pool } from 'undici'
import { API_KEY } from '../relay/traffic.ts'

/** The smallest gateway one would write with node:http and undici: key lookup, model rewrite by parsing, usage read, nothing more. */
const [port, upstreamPort] = process.argv.slice(2).map(Number)
const digest = (token: string): string => createHash('sha256').update(token).digest('hex')
const keys = new Map([[digest(API_KEY), 'bench']])
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`, { connections: 2048, pipelining: 1 })
let tokens = 0

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  request.on('end', () => {
    if (!keys.has(digest((request.headers.authorization ?? '').slice(7)))) {
      response.writeHead(401).end()
      return
    }
    const body = JSON.parse(Buffer.concat(chunks).toString()) as { model: string, stream?: boolean } // the bench's own request
    body.model = body.model.replace('my-', '')
    forward(request.url ?? '/', JSON.stringify(body), body.stream === true, response)
  })
})

function forward(path: string, body: string, stream: boolean, response: ServerResponse): void {
  const parts: Buffer[] = []
  let abort: () => void = () => {}
  response.on('close', () => { if (!response.writableFinished) abort() })
  pool.dispatch({ path, method: 'POST', body, headers: { 'content-type': 'application/json', authorization: 'Bearer sk-upstream' } }, {
    onRequestStart(controller) { abort = () => { controller.abort(new Error('client left')) } },
    onResponseStart(_controller, status, headers) {
      response.writeHead(status, { 'content-type': String(headers['content-type']), ...(stream ? {} : { 'content-length': String(headers['content-length']) }) })
    },
    onResponseData(_controller, chunk) {
      if (stream) response.write(chunk)
      else parts.push(chunk)
    },
    onResponseEnd() {
      if (stream) {
        response.end()
        return
      }
      const whole = Buffer.concat(parts)
      tokens += (JSON.parse(whole.toString()) as { usage: { total_tokens: number } }).usage.total_tokens // our own upstream's answer
      response.end(whole)
    },
    onResponseError() { response.destroy() },
  })
}

server.keepAliveTimeout = 75_000
server.listen(port, '127.0.0.1')
process.on('SIGTERM', () => { process.exit(tokens < 0 ? 1 : 0) })
