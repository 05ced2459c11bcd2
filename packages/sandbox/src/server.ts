import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CallLog, type CallsReport, type SeenCall } from './call-log.ts'
import { deliverJson, deliverStream, hangUntilGone, type Ending } from './deliver.ts'
import { parseBehaviour, type Fault } from './engine/behaviour.ts'
import { FaultCounter } from './engine/fault-counter.ts'
import { answer, BROKEN_FRAME, ERROR_FRAME, modelList, ROUTES, type Route } from './openai/dialect.ts'
import { isObject, type Body } from './openai/read-prompt.ts'
import { invalid, refusalBody, simulatedRefusal, type Refusal } from './openai/refusal.ts'

const MAX_BODY_BYTES = 32 * 1024 * 1024

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
}

export interface Sandbox {
  readonly host: string
  readonly port: number
  /** What GET /sandbox/calls says. */
  calls(): CallsReport
  /** Breaks every connection off and resolves when the port is free. */
  close(): Promise<void>
}

/** Starts a simulated engine on a real socket. Fails when the address cannot be had. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  const log = new CallLog()
  const faults = new FaultCounter()
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => { void serve(request, response, log, faults) })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port } = server.address() as AddressInfo // a TCP server that listens
  return {
    host,
    port,
    calls: () => log.report(),
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    }),
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, log: CallLog, faults: FaultCounter): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  response.on('error', () => { /* the client left while we wrote; 'close' tells it */ })
  if (path === '/sandbox/calls') return serveCalls(request, response, log, faults)
  if (request.method === 'GET' && (path === '/v1/models' || path.startsWith('/v1/models/'))) return serveModels(path, response)
  const route = ROUTES.get(path)
  if (route === undefined || request.method !== 'POST') {
    return refuse(response, { ...invalid(`The sandbox has no ${request.method ?? ''} ${path}.`), status: route === undefined ? 404 : 405 })
  }
  const call = log.begin(request)
  const left = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) left.abort()
  })
  try {
    const ending = await serveModel(route, request, response, call, { log, faults, signal: left.signal })
    log.end(call, ending)
  } catch (error) {
    log.end(call, 'aborted')
    // A client that leaves shows as an abort or as a broken body; anything else is our own bug, and the engine lives on.
    if (left.signal.aborted || request.destroyed) return
    process.stderr.write(`sandbox: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    response.destroy()
  }
}

interface Surroundings { readonly log: CallLog, readonly faults: FaultCounter, readonly signal: AbortSignal }

async function serveModel(route: Route, request: IncomingMessage, response: ServerResponse, call: SeenCall, around: Surroundings): Promise<Ending> {
  const text = await readBody(request, around.signal)
  const refused = (refusal: Refusal, headers: Readonly<Record<string, string>> = {}): Ending => {
    refuse(response, refusal, headers)
    call.status = refusal.status
    return 'complete'
  }
  if (text === null) return refused({ ...invalid('The body is larger than 32 MiB.'), status: 413 })
  around.log.body(call, text)
  const body = parseBody(text)
  if (body === null) return refused(invalid('The body must be a JSON object.'))
  if (typeof body['model'] !== 'string') return refused(invalid("'model' must be a text.", 'model'))
  call.model = body['model']
  const parsed = parseBehaviour(call.model)
  if (!parsed.ok) return refused({ ...invalid(parsed.message, 'model', parsed.unknownModel ? 'model_not_found' : null), status: parsed.unknownModel ? 404 : 400 })
  const { behaviour } = parsed
  const fault = around.faults.next(behaviour, performance.now())
  if (await strikeBeforeHead(fault, response, call, around.signal)) return 'faulted'
  const answered = answer(route, behaviour, body, fault.noPrefill)
  if (answered.kind === 'refusal') return refused(answered.refusal)
  call.status = 200
  const stream = answered.kind === 'stream'
  const delivery = {
    response, fault, ttft: behaviour.ttft, gap: behaviour.gap, signal: around.signal, errorFrame: ERROR_FRAME, brokenFrame: BROKEN_FRAME,
    headers: { 'content-type': stream ? 'text/event-stream' : 'application/json', ...(stream ? { 'cache-control': 'no-cache' } : {}), 'x-headrace-sandbox': 'simulated' },
    onTokens: (count: number) => { call.tokens += count },
  }
  return stream ? deliverStream(delivery, answered.frames) : deliverJson(delivery, answered.json, answered.tokens)
}

/** Faults that come instead of an answer. True = the answer has been given, or never will be. */
async function strikeBeforeHead(fault: Fault, response: ServerResponse, call: SeenCall, signal: AbortSignal): Promise<boolean> {
  if (fault.reset === 'before-head') {
    response.socket?.resetAndDestroy()
    return true
  }
  if (fault.hang === 'accept') await hangUntilGone(signal)
  const refusal = simulatedFailure(fault)
  if (refusal === null) return false
  const retryAfter: Readonly<Record<string, string>> = fault.retryAfter === null ? {} : { 'retry-after': String(fault.retryAfter) }
  call.status = refusal.status
  if (fault.html) {
    response.writeHead(refusal.status, { 'content-type': 'text/html', ...retryAfter })
    response.end('<html><head><title>Simulated</title></head><body><h1>A page where JSON was due</h1></body></html>\n')
  } else {
    refuse(response, refusal, retryAfter)
  }
  return true
}

function simulatedFailure(fault: Fault): Refusal | null {
  if (fault.contextLength) return invalid("This model's maximum context length is 4096 tokens; the messages are longer.", 'messages', 'context_length_exceeded')
  if (fault.contentPolicy) return invalid('The request was refused by the content policy (simulated).', null, 'content_policy_violation')
  if (fault.html) return simulatedRefusal(fault.status === 0 ? 502 : fault.status)
  return fault.status === 0 ? null : simulatedRefusal(fault.status)
}

function serveCalls(request: IncomingMessage, response: ServerResponse, log: CallLog, faults: FaultCounter): void {
  if (request.method === 'DELETE') {
    log.reset()
    faults.reset()
    response.writeHead(204)
    response.end()
    return
  }
  if (request.method === 'GET') sendJson(response, 200, JSON.stringify(log.report()))
  else refuse(response, { ...invalid('GET reads the calls, DELETE forgets them.'), status: 405 })
}

function serveModels(path: string, response: ServerResponse): void {
  const list = modelList()
  if (path === '/v1/models') {
    sendJson(response, 200, JSON.stringify(list))
    return
  }
  const name = decodeName(path.slice('/v1/models/'.length))
  const parsed = parseBehaviour(name)
  if (parsed.ok) sendJson(response, 200, JSON.stringify({ id: name, object: 'model', created: 1_760_000_000, owned_by: 'headrace-sandbox' }))
  else refuse(response, { ...invalid(parsed.message, 'model', 'model_not_found'), status: 404 })
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function parseBody(text: string): Body | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** The whole body as text; null = too large. Throws when the client leaves before its end. */
async function readBody(request: IncomingMessage, signal: AbortSignal): Promise<string | null> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) return null
    chunks.push(chunk)
  }
  signal.throwIfAborted()
  return Buffer.concat(chunks).toString('utf8')
}

function refuse(response: ServerResponse, refusal: Refusal, headers: Readonly<Record<string, string>> = {}): void {
  sendJson(response, refusal.status, refusalBody(refusal), headers)
}

function sendJson(response: ServerResponse, status: number, json: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json), ...headers })
  response.end(json)
}
