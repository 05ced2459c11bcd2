import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * What may go wrong with the bytes of one direction. All left out = they pass as they come.
 * Bytes are counted per connection from its beginning.
 */
export interface Toxics {
  /** Each read is held this long before it goes on, ms. */
  readonly latencyMs?: number
  /** After this many bytes: both sides get a TCP reset. */
  readonly resetAfter?: number
  /** After this many bytes: nothing more passes, the connection stays open. */
  readonly stallAfter?: number
  /** After this many bytes: this direction is ended (FIN), the other one lives on. */
  readonly halfCloseAfter?: number
  /** After this many bytes: both sides are closed cleanly. */
  readonly closeAfter?: number
  /** Writes of exactly this many bytes, one per event-loop turn. */
  readonly sliceBytes?: number
  /** Where to cut: each offset ends a write. Takes part beside `sliceBytes`. */
  readonly cutAt?: readonly number[]
  /** One byte each so many ms. */
  readonly trickleMs?: number
}

export interface FaultProxy {
  readonly port: number
  /** Toxics of connections from now on. `up` = from whoever connects to us towards the target. */
  set(toxics: { readonly up?: Toxics, readonly down?: Toxics }): void
  connections(): number
  /** Resets every connection. */
  drop(): void
  stop(): Promise<void>
}

/** A TCP proxy that injects faults, between any two parties that speak over 127.0.0.1. */
export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  let toxics: { readonly up?: Toxics, readonly down?: Toxics } = {}
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true, allowHalfOpen: true }, client => {
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
    }
    pipeWithFaults(client, target, toxics.up ?? {})
    pipeWithFaults(target, client, toxics.down ?? {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    set: next => { toxics = next },
    connections: () => sockets.size / 2,
    drop() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function pipeWithFaults(from: Socket, to: Socket, toxics: Toxics): void {
  let passed = 0
  let over = false
  /** Everything in this direction happens in order, one step after the other. */
  let queue: Promise<void> = Promise.resolve()
  const limit = Math.min(toxics.resetAfter ?? Infinity, toxics.stallAfter ?? Infinity, toxics.halfCloseAfter ?? Infinity, toxics.closeAfter ?? Infinity)

  const strike = (): void => {
    over = true
    if (toxics.resetAfter === limit) { from.resetAndDestroy(); to.resetAndDestroy() }
    else if (toxics.halfCloseAfter === limit) to.end()
    else if (toxics.closeAfter === limit) { to.end(); from.end() }
  }
  const deliver = async (data: Buffer): Promise<void> => {
    if (toxics.latencyMs !== undefined) await wait(toxics.latencyMs)
    for (const piece of slices(data, passed, toxics)) {
      if (over || to.destroyed) return
      const room = limit - passed
      const part = piece.length > room ? piece.subarray(0, room) : piece
      passed += part.length
      if (part.length > 0) await new Promise<void>(resolve => to.write(part, () => resolve()))
      if (passed >= limit) {
        // A reset overtakes bytes that the peer has not read: let it read what was promised to pass.
        if (toxics.resetAfter === limit) await wait(20)
        return strike()
      }
      if (toxics.trickleMs !== undefined) await wait(toxics.trickleMs)
      else if (toxics.sliceBytes !== undefined || toxics.cutAt !== undefined) await new Promise<void>(resolve => setImmediate(resolve))
    }
  }
  const later = (step: () => void | Promise<void>): void => { queue = queue.then(step) }

  if (limit === 0) later(strike)
  from.on('data', (data: Buffer) => {
    from.pause()
    later(async () => { await deliver(data); from.resume() })
  })
  from.on('end', () => later(() => { if (!over && !to.destroyed) to.end() }))
  from.on('error', () => later(() => { if (!to.destroyed) to.resetAndDestroy() }))
  from.on('close', () => later(() => { if (!to.destroyed && from.errored === null && !from.readableEnded) to.destroy() }))
}

function slices(data: Buffer, start: number, toxics: Toxics): Buffer[] {
  const size = toxics.trickleMs === undefined ? toxics.sliceBytes ?? Infinity : 1
  const pieces: Buffer[] = []
  for (let at = 0; at < data.length;) {
    let end = Math.min(data.length, at + size)
    for (const cut of toxics.cutAt ?? []) if (cut - start > at && cut - start < end) end = cut - start
    pieces.push(data.subarray(at, end))
    at = end
  }
  return pieces
}

const wait = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
