import type { Dispatcher } from 'undici'
import type { GatewayError, Origin, PassedBody, ResponseHead, UpstreamCall, UpstreamHandler, UpstreamRequest } from '@headrace/contract'
import { CallTimer, type Deadlines, type Timed } from './deadlines.ts'
import { codedFault, connectFault, errorCode, protocolFault, resetFault, timeoutFault, truncatedFault } from './faults.ts'
import { isCoding } from './head-reader.ts'
import { MAX_INTERIM } from './response-parser.ts'

/** What an undici call needs to know of its request. `passes`: a request that goes as it comes, and so does its answer; `body`: where it comes from, null = it is there. */
export interface UndiciRequest extends Pick<UpstreamRequest, 'origin' | 'timeouts' | 'deadline'> { readonly passes: boolean, readonly body: PassedBody | null }

/** One call through undici: translates its handler protocol to ours, with our deadlines and our errors. */
export class ProxiedCall implements UpstreamCall, Timed, Dispatcher.DispatchHandler {
  slot = -1
  done = false
  readonly #origin: Origin
  readonly #handler: UpstreamHandler
  readonly #timer: CallTimer
  readonly #deadlines: Deadlines
  readonly #siblings: Set<ProxiedCall>
  #controller: Dispatcher.DispatchController | null = null
  readonly #passes: boolean
  /** What is still on its way out. */
  #body: PassedBody | null
  /** Of the body, when it was last looked at. */
  #passed = 0
  #interim = 0
  #status = 0
  #sent = false

  constructor(request: UndiciRequest, handler: UpstreamHandler, deadlines: Deadlines, siblings: Set<ProxiedCall>) {
    this.#origin = request.origin
    this.#handler = handler
    this.#timer = new CallTimer(request.timeouts, request.deadline)
    this.#deadlines = deadlines
    this.#siblings = siblings
    this.#passes = request.passes
    this.#body = request.body
    siblings.add(this)
    deadlines.add(this)
  }

  resume(): void {
    if (this.done || this.#controller === null) return
    this.#timer.enter('idle')
    this.#controller.resume()
  }

  abort(): void {
    if (this.done) return
    this.#settle()
    this.#controller?.abort(new Error('aborted'))
  }

  fail(error: GatewayError): void {
    if (this.done) return
    this.#settle()
    this.#handler.onError(error)
  }

  /** Closes the connection and tells the handler why. */
  cut(error: GatewayError): void {
    if (this.done) return
    this.abort()
    this.#handler.onError(error)
  }

  sweep(now: number): void {
    if (this.#body !== null && !this.#stands(this.#body)) this.#timer.touch()
    const kind = this.#timer.overdue(now)
    if (kind !== null) this.cut(timeoutFault(kind, this.#origin, this.#status))
  }

  /** Whether the provider takes nothing of what is there: a client that is slow to send is the edge's business. */
  #stands(body: PassedBody): boolean {
    const moved = body.passed !== this.#passed
    this.#passed = body.passed
    return body.waiting && !moved
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Given up while undici was still connecting: this is the first chance to say so, and nothing was sent yet.
    if (this.done) controller.abort(new Error('aborted'))
    else this.#timer.enter(this.#body === null ? 'first-token' : 'idle')
  }

  onRequestSent(): void {
    if (this.done || this.#sent) return
    this.#sent = true
    this.#body = null
    this.#timer.enter('first-token')
    this.#handler.onSent()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.done) return
    if (status < 200) {
      if (++this.#interim > MAX_INTERIM) this.cut(protocolFault(this.#origin, 'too many interim answers'))
      return
    }
    this.#status = status
    const head = fieldHead(headers)
    if (!this.#passes && isCoding(head.header('content-encoding') ?? '')) return this.#takeCoded(status, head)
    this.#handler.onHead(status, head)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.done) return
    // Before the handler, which may resume or abort from within.
    this.#timer.enter('paused')
    controller.pause()
    const more = this.#handler.onData(chunk, false)
    if (more) this.resume()
  }

  onResponseEnd(): void {
    if (this.done) return
    this.#settle()
    this.#handler.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const code = errorCode(error)
    // undici's parser reports a connection that ends in mid-body as bad grammar too; it is a cut.
    const isGrammar = (error.name === 'HTTPParserError' && code !== 'HPE_INVALID_EOF_STATE') || code === 'UND_ERR_HEADERS_OVERFLOW'
    if (this.#controller === null) this.fail(connectFault(this.#origin, code))
    else if (isGrammar) this.fail(protocolFault(this.#origin, code))
    else if (this.#status === 0) this.fail(resetFault(this.#origin, code))
    else this.fail(truncatedFault(this.#origin, this.#status, code))
  }

  /** As on the direct lane. */
  #takeCoded(status: number, head: ResponseHead): void {
    if (status < 300) return this.cut(codedFault(this.#origin))
    this.abort()
    this.#handler.onHead(status, head)
    this.#handler.onEnd()
  }

  #settle(): void {
    this.done = true
    this.#body?.destroy()
    this.#body = null
    this.#siblings.delete(this)
    this.#deadlines.remove(this)
  }
}

const fieldHead = (headers: Record<string, string | string[] | undefined>): ResponseHead => ({
  get lines() {
    return Object.entries(headers).flatMap(([name, value]) => (Array.isArray(value) ? value : [value ?? '']).flatMap(one => [name, one]))
  },
  header(name) {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  },
})
