import { request as httpRequest, type IncomingMessage } from 'node:http'
import { refusal, shuttingDown, type Refusal } from './door.ts'
import type { SlowExchange } from './slow-exchange.ts'

/** RFC 9110 7.6.1 and kin: of one connection, not of the message. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings', 'expect'])
/** What a client says about where it comes from is not believed, so it is not passed on. */
const FORWARDED = /^(?:x-forwarded-.*|forwarded|x-real-ip|via)$/
/** Milliseconds that the control surface may take until its answer's head. */
const HEAD_MS = 30_000

const PREFIXES = ['/admin/v1', '/metrics']

/** True for paths that the control surface answers. Decided on the raw path: what is not literally there is not there. */
export function isControlPath(path: string): boolean {
  return path === '/' || PREFIXES.some(prefix => path === prefix || path.startsWith(`${prefix}/`))
}

/** Header pairs without those of the connection, those it names, and forwarding claims. */
export function passedHeaders(raw: readonly string[], connection: string | undefined, fromClient: boolean): string[] {
  const named = new Set((connection ?? '').toLowerCase().split(',').map(name => name.trim()))
  const passed: string[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? ''
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || named.has(lower) || (fromClient && FORWARDED.test(lower))) continue
    passed.push(name, raw[index + 1] ?? '')
  }
  return passed
}

/**
 * Streams one request to the control surface's unix socket and its answer back; each side waits for the other's slower reader.
 * `refuse` is called instead of an answer, `breakOff` when the answer tears after it began. A client that leaves ends the relayed request.
 */
export function relayToControl(exchange: SlowExchange, socketPath: string, close: boolean, refuse: (refused: Refusal) => void, breakOff: () => void): void {
  const { request, response } = exchange
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|%2f|%5c|\\|\/\//i.test(exchange.path)) return refuse(refusal('invalid-request', 'The path is ambiguous: no dot segments, empty segments or encoded slashes.'))
  const path = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`
  const onward = httpRequest({
    socketPath, path, method: exchange.method, agent: false, timeout: HEAD_MS, setDefaultHeaders: true,
    headers: passedHeaders(request.rawHeaders, request.headers.connection, true),
  })
  let began = false
  const stop = (refused: Refusal): void => {
    onward.destroy()
    if (exchange.closed || response.writableEnded) return
    if (began) breakOff()
    else refuse(refused)
  }
  const fail = (): void => stop(refusal('overloaded', 'The control surface does not answer. Model calls are not affected; try again shortly.', 503, 1_000))
  onward.on('timeout', fail)
  onward.on('error', fail)
  onward.on('response', (answer: IncomingMessage) => {
    began = true
    onward.setTimeout(0)
    const headers = passedHeaders(answer.rawHeaders, answer.headers.connection, false)
    if (close) headers.push('connection', 'close')
    response.writeHead(answer.statusCode ?? 502, headers)
    answer.on('error', fail)
    answer.on('aborted', fail)
    answer.pipe(response)
  })
  exchange.listener = { onDrain: () => {}, onClose: () => { onward.destroy() }, onShutdown: () => stop(shuttingDown()) }
  response.on('close', () => { onward.destroy() })
  request.on('error', () => { onward.destroy() })
  request.pipe(onward)
}
