import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CallLog, type CallsReport, type SeenCall } from './call-log.ts'
import { deliverJson, deliverStream, hangUntilGone, type Ending } from './deliver.ts'
import { parseBehaviour, type Fault } from './engine/behaviour.ts'
import { EngineSlots } from './engine/engine-slots.ts'
import { FaultCounter } from './engine/fault-counter.ts'
import { PrefixCache } from './engine/prefix-cache.ts'
import { QuotaBook, quotaHeaders, type QuotaReport } from './engine/quota-book.ts'
import { isObject, type Answer, type Body, type EngineDialect, type Route } from './dialect.ts'
import { anthropic } from './anthropic/dialect.ts'
import { cohere } from './cohere/dialect.ts'
import { google } from './google/dialect.ts'
import { ollama } from './ollama/dialect.ts'
import { openai } from './openai/dialect.ts'
import { responses } from './responses/dialect.ts'
import { invalid, simulatedRefusal, type Refusal } from './refusal.ts'
import { vertexDialects } from './vertex/dialects.ts'
import type { TokenDesk } from './vertex/token-desk.ts'

/** Each path belongs to the first that takes it; what none takes is refused in the last one's words. */
const DIALECTS = [anthropic, google, ollama, cohere, responses, openai] as const satisfies readonly EngineDialect[]
const MAX_BODY_BYTES = 32 * 1024 * 1024

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free port. */
  readonly port?: number
  /** Gives tokens for Vertex AI, at /token, whose paths are there too. Left out = there is no Vertex AI. */
  readonly tokenDesk?: TokenDesk
}

export interface Sandbox {
  readonly host: string
  readonly port: number
  /** What GET /sandbox/calls says. */
  calls(): CallsReport
  /** What models with `rpm=` or `tpm=` have given, as GET /sandbox/quotas says. */
  quotas(): readonly QuotaReport[]
  /** From now on every model behaves as these parameters say (`status=503,share=30`), whatever its name says of them; '' = as its name says. Throws where they are not understood. */
  setCondition(parameters: string): void
  /** Breaks every connection off and resolves when the port is free. */
  close(): Promise<void>
}

/** Starts a simulated engine on a real socket. Fails when the address cannot be had. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  const log = new CallLog()
  const faults = new FaultCounter()
  const cache = new PrefixCache()
  const quotas = new QuotaBook()
  const desk = options.tokenDesk ?? null
  const engine: Engine = { log, faults, cache, quotas, slots: new EngineSlots(), condition: { parameters: '' }, desk, dialects: desk === null ? DIALECTS : [...vertexDialects(desk), ...DIALECTS] }
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => { void serve(request, response, engine) })
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
    quotas: () => quotas.report(),
    setCondition(parameters) {
      const problem = setCondition(engine, parameters)
      if (problem !== null) throw new Error(problem)
    },
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    }),
  }
}

async function serve(request: IncomingMessage, response: ServerResponse, engine: Engine): Promise<void> {
  const { log } = engine
  const [path = '', query = ''] = (request.url ?? '').split('?', 2)
  response.on('error', () => { /* the client left while we wrote; 'close' tells it */ })
  if (path === '/sandbox/calls') return serveCalls(request, response, engine)
  if (path === '/sandbox/condition') return serveCondition(request, response, engine)
  if (path === '/sandbox/quotas') return sendJson(response, 200, JSON.stringify(engine.quotas.report()))
  if (path === '/token' && engine.desk !== null && request.method === 'POST') return serveToken(request, response, engine.desk)
  if (request.method === 'GET' && serveRead(path, request, response)) return
  const found = findRoute(engine.dialects, path)
  if (found === null || request.method !== 'POST') {
    const refusal = invalid(`The sandbox has no ${request.method ?? ''} ${path}.`)
    return refuse(response, found?.dialect ?? openai, { ...refusal, status: found === null ? 404 : 405 })
  }
  const call = log.begin(request)
  const left = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) left.abort()
  })
  try {
    const ending = await serveModel({ ...found, query: new URLSearchParams(query) }, request, response, call, { ...engine, signal: left.signal })
    log.end(call, ending)
  } catch (error) {
    log.end(call, 'aborted')
    // A client that leaves shows as an abort or as a broken body; anything else is our own bug, and the engine lives on.
    if (left.signal.aborted || request.destroyed) return
    process.stderr.write(`sandbox: ${error instanceof Error ? error.stack ?? error.message : String(error)}\n`)
    response.destroy()
  }
}

/** What one engine remembers. */
interface Engine {
  readonly log: CallLog
  readonly faults: FaultCounter
  readonly cache: PrefixCache
  readonly quotas: QuotaBook
  readonly slots: EngineSlots
  readonly condition: { parameters: string }
  readonly desk: TokenDesk | null
  readonly dialects: readonly EngineDialect[]
}
interface Surroundings extends Engine { readonly signal: AbortSignal }
interface Found { readonly dialect: EngineDialect, readonly route: Route }

function findRoute(dialects: readonly EngineDialect[], path: string): Found | null {
  for (const dialect of dialects) {
    const route = dialect.route(path)
    if (route !== null) return { dialect, route }
  }
  return null
}

async function serveModel(found: Found & { readonly query: URLSearchParams }, request: IncomingMessage, response: ServerResponse, call: SeenCall, around: Surroundings): Promise<Ending> {
  const { dialect, route, query } = found
  const text = await readBody(request, around.signal)
  const refused = (refusal: Refusal): Ending => {
    refuse(response, dialect, refusal)
    call.status = refusal.status
    return 'complete'
  }
  if (text === null) return refused({ ...invalid('The body is larger than 32 MiB.'), status: 413 })
  around.log.body(call, text)
  const body = parseBody(text)
  if (body === null) return refused(invalid('The body must be a JSON object.'))
  const model = route.model ?? body['model']
  if (typeof model !== 'string') return refused(invalid("'model' must be a text.", 'model'))
  call.model = model
  const parsed = parseBehaviour(model, around.condition.parameters)
  if (!parsed.ok) return refused({ ...invalid(parsed.message, 'model', parsed.unknownModel ? 'model-not-found' : 'status'), status: parsed.unknownModel ? 404 : 400 })
  const { behaviour } = parsed
  const fault = around.faults.next(behaviour, performance.now())
  if (await strikeBeforeHead(fault, response, call, dialect, around.signal)) return 'faulted'
  const quota = around.quotas.take(behaviour, Math.ceil(text.length / 4) + allowedTokens(body, behaviour.tokens), performance.now())
  const quotaLines = quota === null ? {} : quotaHeaders(quota.lines)
  if (quota?.refused === true) {
    refuse(response, dialect, { ...simulatedRefusal(429), message: 'The rate limit is reached (simulated).' }, { 'retry-after': String(Math.ceil(quota.retryMs / 1_000)), ...quotaLines })
    call.status = 429
    return 'complete'
  }
  const answered = dialect.answer({ operation: route.operation, behaviour: { ...behaviour, fault }, body, headers: request.headers, query, cache: around.cache })
  if (answered.kind === 'refusal') return refused(answered.refusal)
  call.status = 200
  const stream = answered.kind === 'stream'
  const delivery = {
    response, fault, ttft: behaviour.ttft, gap: behaviour.gap, signal: around.signal, errorFrame: dialect.errorFrame, brokenFrame: dialect.brokenFrame,
    headers: {
      'content-type': stream ? answered.contentType ?? 'text/event-stream' : 'application/json', ...(stream ? { 'cache-control': 'no-cache' } : {}), 'x-headrace-sandbox': 'simulated', ...quotaLines,
    },
    onTokens: (count: number) => { call.tokens += count },
  }
  const leave = await around.slots.enter(behaviour, around.signal)
  try {
    return await (answered.kind === 'stream' ? deliverStream(delivery, answered.frames) : deliverJson(delivery, answered.json, answered.tokens))
  } finally {
    leave()
  }
}

/** Output that a request is counted with: what it allows, else what it gets. */
function allowedTokens(body: Body, usual: number): number {
  const config = body['generationConfig']
  const allowed = body['max_completion_tokens'] ?? body['max_output_tokens'] ?? body['max_tokens'] ?? (isObject(config) ? config['maxOutputTokens'] : undefined)
  return typeof allowed === 'number' ? allowed : usual
}

/** Faults that come instead of an answer. True = the answer has been given, or never will be. */
async function strikeBeforeHead(fault: Fault, response: ServerResponse, call: SeenCall, dialect: EngineDialect, signal: AbortSignal): Promise<boolean> {
  if (fault.reset === 'before-head') {
    response.socket?.resetAndDestroy()
    return true
  }
  if (fault.hang === 'accept') await hangUntilGone(signal)
  const refusal = simulatedFailure(fault)
  if (refusal === null) return false
  const retryAfter = retryAfterHeader(fault)
  call.status = refusal.status
  if (fault.html) {
    response.writeHead(refusal.status, { 'content-type': 'text/html', ...retryAfter })
    response.end('<html><head><title>Simulated</title></head><body><h1>A page where JSON was due</h1></body></html>\n')
  } else {
    refuse(response, dialect, refusal, retryAfter)
  }
  return true
}

function retryAfterHeader({ retryAfter, retryForm }: Fault): Readonly<Record<string, string>> {
  if (retryAfter === null) return {}
  switch (retryForm) {
    case 'seconds': return { 'retry-after': String(retryAfter) }
    case 'date': return { 'retry-after': new Date(Date.now() + retryAfter * 1_000).toUTCString() }
    case 'ms': return { 'retry-after-ms': String(retryAfter * 1_000) }
    case 'words': return { 'retry-after': 'presently' }
  }
}

function simulatedFailure(fault: Fault): Refusal | null {
  if (fault.contextLength) return invalid("This model's maximum context length is 4096 tokens; the messages are longer.", 'messages', 'context-length')
  if (fault.contentPolicy) return invalid('The request was refused by the content policy (simulated).', null, 'content-policy')
  if (fault.errorBody) return { ...simulatedRefusal(500), status: 200 }
  if (fault.html) return simulatedRefusal(fault.status === 0 ? 502 : fault.status)
  return fault.status === 0 ? null : simulatedRefusal(fault.status)
}

function serveCalls(request: IncomingMessage, response: ServerResponse, { log, faults, cache, quotas }: Engine): void {
  if (request.method === 'DELETE') {
    log.reset()
    faults.reset()
    cache.reset()
    quotas.reset()
    response.writeHead(204)
    response.end()
    return
  }
  if (request.method === 'GET') sendJson(response, 200, JSON.stringify(log.report()))
  else refuse(response, openai, { ...invalid('GET reads the calls, DELETE forgets them.'), status: 405 })
}

async function serveToken(request: IncomingMessage, response: ServerResponse, desk: TokenDesk): Promise<void> {
  const form = await readBody(request, new AbortController().signal).catch(() => null)
  const { status, body } = desk.issue(new URLSearchParams(form ?? ''), `http://${request.headers.host ?? ''}/token`)
  sendJson(response, status, JSON.stringify(body))
}

/** GET reads the engine's condition, PUT sets it (the body is the parameters as in a model's name), DELETE heals it. */
async function serveCondition(request: IncomingMessage, response: ServerResponse, engine: Engine): Promise<void> {
  const { method } = request
  const wanted = method === 'PUT' ? await readBody(request, new AbortController().signal).catch(() => null) : method === 'DELETE' ? '' : engine.condition.parameters
  const problem = wanted === null ? 'The body could not be read.' : setCondition(engine, wanted.trim())
  if (problem === null) sendJson(response, 200, JSON.stringify(engine.condition))
  else refuse(response, openai, invalid(problem))
}

/** Null = it is in force; else what is wrong with it. */
function setCondition(engine: Engine, parameters: string): string | null {
  if (parameters === engine.condition.parameters) return null
  const parsed = parseBehaviour('echo', parameters)
  if (!parsed.ok) return parsed.message
  engine.condition.parameters = parameters
  // `times` and `for` count from here.
  engine.faults.reset()
  return null
}

/** False = nobody has something to read there. */
function serveRead(path: string, request: IncomingMessage, response: ServerResponse): boolean {
  for (const dialect of DIALECTS) {
    const answer: Answer | null = dialect.read(path, request.headers)
    if (answer === null || answer.kind === 'stream') continue
    if (answer.kind === 'json') sendJson(response, 200, answer.json)
    else refuse(response, dialect, answer.refusal)
    return true
  }
  return false
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

function refuse(response: ServerResponse, dialect: EngineDialect, refusal: Refusal, headers: Readonly<Record<string, string>> = {}): void {
  sendJson(response, refusal.status, dialect.refusalBody(refusal), headers)
}

function sendJson(response: ServerResponse, status: number, json: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(json), ...headers })
  response.end(json)
}
