import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { FrameReader, packFrame } from '@headrace/bytes'
import { CONTEXT_FRAME_BYTES, type ContextAnswer, type ContextCall, type ContextOwner } from '@headrace/contract'
import type { ContextDesk } from './context-desk.ts'

export interface ContextServer { close(): Promise<void> }

/** Serves contexts on a unix socket that only this user's processes reach. A socket file that is there is of a dead process. `onProblem` hears in words of what could not be done. */
export async function startContextServer(desk: ContextDesk, path: string, onProblem: (problem: string) => void): Promise<ContextServer> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    serve(desk, socket, onProblem)
    socket.once('close', () => sockets.delete(socket))
  })
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  return {
    close: () => new Promise(resolve => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    }),
  }
}

function serve(desk: ContextDesk, socket: Socket, onProblem: (problem: string) => void): void {
  const owner = desk.owner()
  const reader = new FrameReader(CONTEXT_FRAME_BYTES)
  socket.on('data', (chunk: Buffer) => {
    try {
      for (const call of reader.read(chunk)) void answer(owner, call as ContextCall, socket, onProblem) // our own program speaks our own protocol
    } catch {
      socket.destroy()
    }
  })
  socket.on('error', () => socket.destroy())
  socket.once('close', () => owner.leave())
}

async function answer(owner: ContextOwner, { ticket, method, args }: ContextCall, socket: Socket, onProblem: (problem: string) => void): Promise<void> {
  let said: ContextAnswer
  try {
    const call = owner[method] as (...args: readonly unknown[]) => Promise<unknown> // the caller's types are this interface's
    said = { ticket, result: await call(...args) }
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    onProblem(`Contexts cannot be read or written: ${problem}`)
    said = { ticket, problem }
  }
  if (!socket.destroyed) socket.write(packFrame(said))
}
