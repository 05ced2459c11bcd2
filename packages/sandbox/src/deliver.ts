import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from './engine/behaviour.ts'

/** One write of a streamed answer. `tokens`: how many it carries. A dialect renders these; faults are played between them. */
export interface Frame {
  readonly text: string
  readonly tokens: number
  /** The stream's own terminator (`[DONE]`), left out by `no_done`. */
  readonly terminator: boolean
}

/** How an answer is timed, and what goes wrong with it. Independent of the dialect. */
export interface Delivery {
  readonly response: ServerResponse
  readonly fault: Fault
  /** Milliseconds to the first token, and between tokens. */
  readonly ttft: number
  readonly gap: number
  /** Fires when the client has left: everything stops. */
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, string>>
  /** The dialect's error in the middle of a stream (`error_event`). */
  readonly errorFrame: string
  /** An event that is not JSON (`bad_json`). */
  readonly brokenFrame: string
  onTokens(count: number): void
}

/** `faulted`: ended otherwise than a healthy engine would have. Throws an AbortError when the client leaves. */
export type Ending = 'complete' | 'faulted'

/** Streams frames with the model's timing and faults. */
export async function deliverStream(delivery: Delivery, frames: Iterable<Frame>): Promise<Ending> {
  const { response, fault, signal } = delivery
  if (fault.hang === 'head' || fault.firstToken > 0) await openHead(delivery)
  await pause(delivery.ttft + fault.firstToken, signal)
  let sent = 0
  let events = 0
  let struck = false
  for (const frame of frames) {
    if (frame.terminator && fault.noDone) continue
    if (frame.tokens > 0) {
      if (!struck && sent >= fault.after && strikesMid(fault)) {
        struck = true
        const ending = await strike(delivery, frame.text)
        if (ending !== null) return ending
      }
      if (sent > 0) await pause(delivery.gap, signal)
    }
    events += 1
    if (events === fault.badJson) await send(delivery, delivery.brokenFrame)
    await send(delivery, frame.text)
    sent += frame.tokens
    delivery.onTokens(frame.tokens)
  }
  response.end()
  return fault.noDone || fault.badJson > 0 || struck ? 'faulted' : 'complete'
}

/** Sends a JSON answer. Mid-stream faults strike at half of the body; the head promises the whole of it. */
export async function deliverJson(delivery: Delivery, body: string, tokens: number): Promise<Ending> {
  const { response, fault, signal } = delivery
  const bytes = Buffer.from(fault.badJson > 0 ? body.slice(0, Math.ceil(body.length / 2)) : body)
  response.setHeader('content-length', bytes.length)
  if (fault.hang === 'head' || fault.firstToken > 0) await openHead(delivery)
  await pause(delivery.ttft + fault.firstToken + delivery.gap * Math.max(0, tokens - 1), signal)
  if (!response.headersSent) response.writeHead(200, delivery.headers)
  if (!strikesMid(fault)) {
    await send(delivery, bytes)
    response.end()
    delivery.onTokens(tokens)
    return fault.badJson > 0 ? 'faulted' : 'complete'
  }
  const half = Math.ceil(bytes.length / 2)
  await send(delivery, bytes.subarray(0, half))
  if (fault.stall === 0) {
    const ending = await strike(delivery, '')
    if (ending !== null) return ending
  }
  await pause(fault.stall, signal)
  await send(delivery, bytes.subarray(half))
  response.end()
  delivery.onTokens(tokens)
  return 'faulted'
}

function strikesMid(fault: Fault): boolean {
  return fault.reset === 'mid' || fault.hang === 'mid' || fault.stall > 0 || fault.errorEvent || fault.closeMidEvent || fault.cut
}

/** Plays the mid-stream fault. Null = it is over and the stream goes on. */
async function strike(delivery: Delivery, nextFrame: string): Promise<Ending | null> {
  const { response, fault, signal } = delivery
  if (!response.headersSent) response.writeHead(200, delivery.headers)
  if (fault.stall > 0) await pause(fault.stall, signal)
  if (fault.hang === 'mid') return hangUntilGone(signal)
  if (fault.closeMidEvent) {
    await send(delivery, nextFrame.slice(0, Math.ceil(nextFrame.length / 2)))
    // FIN without the framing's own end.
    response.socket?.end()
    return 'faulted'
  }
  if (fault.reset === 'mid') {
    await flushed(response)
    response.socket?.resetAndDestroy()
    return 'faulted'
  }
  if (fault.errorEvent) {
    await send(delivery, delivery.errorFrame)
    response.end()
    return 'faulted'
  }
  if (!fault.cut) return null
  if (response.hasHeader('content-length')) response.socket?.end()
  else response.end()
  return 'faulted'
}

/** Never answers; ends (by throwing) when the client leaves. */
export async function hangUntilGone(signal: AbortSignal): Promise<never> {
  for (;;) await delay(60_000, undefined, { signal, ref: false })
}

async function openHead(delivery: Delivery): Promise<void> {
  const { response, fault } = delivery
  response.writeHead(200, delivery.headers)
  response.flushHeaders()
  if (fault.hang === 'head') await hangUntilGone(delivery.signal)
}

async function send(delivery: Delivery, data: string | Buffer): Promise<void> {
  const { response, fault, signal } = delivery
  if (!response.headersSent) response.writeHead(200, delivery.headers)
  if (fault.trickle === 0) {
    if (!response.write(data)) await drained(response, signal)
    return
  }
  for (const byte of Buffer.from(data)) {
    response.write(Buffer.of(byte))
    await pause(fault.trickle, signal)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (ms > 0) await delay(ms, undefined, { signal })
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      response.off('drain', done)
      signal.removeEventListener('abort', gone)
      resolve()
    }
    const gone = (): void => {
      response.off('drain', done)
      reject(signal.reason as Error)
    }
    response.once('drain', done)
    signal.addEventListener('abort', gone, { once: true })
  })
}

/** Resolves when what was written so far is with the kernel, so that a reset does not swallow it. */
function flushed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.socket === null) resolve()
    else response.write(Buffer.alloc(0), () => { setImmediate(resolve) })
  })
}
