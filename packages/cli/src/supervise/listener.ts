import type { SendHandle } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import * as net from 'node:net'
import { getSystemErrorName } from 'node:util'
import { failure, success, type Result } from '@headrace/contract'

/** What libuv calls a TCP handle: bound, and polled by nobody until somebody listens with it. */
export interface TcpHandle {
  readonly fd: number
  getsockname(into: { address?: string, port?: number }): number
  close(): void
}

/**
 * The one socket that all workers accept from. The supervisor holds it and never accepts: while it is open, connections wait in the kernel's queue,
 * whichever worker comes or goes.
 */
export interface Listener {
  readonly host: string
  readonly port: number
  /** To be sent over an IPC channel; `net.Server.listen` takes what arrives. */
  readonly handle: SendHandle
  /** Our copy. Workers' own copies stay. */
  close(): void
}

/**
 * `net.Server` accepts as soon as it listens; what only binds is node:cluster's own tool, `_createServerHandle` (an error number or a handle), in every Node that
 * runs Headrace. Node 26 has `net.BoundSocket`, which cannot be handed on more than once.
 */
const { _createServerHandle: createServerHandle } = net as unknown as { _createServerHandle(address: string, port: number, family: 4 | 6): TcpHandle | number }

/** Binds. Fails with what `listenProblem` explains. `port` 0 = any free one. */
export async function openListener(host: string, port: number): Promise<Result<Listener, string>> {
  const refused = (code: string): Result<never, string> => failure(`bind ${code} ${host}:${port}`)
  let address: { readonly address: string, readonly family: number }
  try {
    address = await lookup(host)
  } catch (error) {
    return refused(error instanceof Error && 'code' in error ? String(error.code) : 'ENOTFOUND')
  }
  const handle = createServerHandle(address.address, port, address.family === 6 ? 6 : 4)
  if (typeof handle === 'number') return refused(getSystemErrorName(handle))
  // A port in use is reported here first, not by the bind (libuv puts it off).
  const bound = {}
  const code = handle.getsockname(bound)
  if (code !== 0) {
    handle.close()
    return refused(getSystemErrorName(code))
  }
  return success(adoptListener(handle))
}

/** The socket of another supervisor, as it came over the IPC channel. */
export function adoptListener(handle: TcpHandle): Listener {
  const bound: { address?: string, port?: number } = {}
  handle.getsockname(bound)
  return { host: bound.address ?? '', port: bound.port ?? 0, handle: handle as unknown as SendHandle, close: () => handle.close() }
}
