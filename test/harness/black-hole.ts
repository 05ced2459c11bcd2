import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'

export interface BlackHole { readonly port: number, stop(): void }

/** Listens with the shortest queue there is, and then never runs again: nothing is ever accepted. */
const PROGRAM = `
const server = require('node:net').createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  require('node:fs').writeSync(1, server.address().port + '\\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})`

/** An address on which connecting neither succeeds nor fails: its accept queue is full, so that the kernel drops every SYN. */
export async function startBlackHole(): Promise<BlackHole> {
  const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] })
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', line => resolve(Number(line)))
    child.once('exit', code => reject(new Error(`The black hole ended: ${code}`)))
  })
  const fillers: Socket[] = []
  // Until one connection is not taken any more; the queue is a handful of places long.
  for (let count = 0; count < 16; count++) {
    const socket = connect(port, '127.0.0.1')
    fillers.push(socket)
    socket.on('error', () => undefined)
    const taken = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true))
      setTimeout(() => resolve(false), 150)
    })
    if (!taken) break
  }
  return {
    port,
    stop() {
      for (const socket of fillers) socket.destroy()
      child.kill('SIGKILL')
    },
  }
}
