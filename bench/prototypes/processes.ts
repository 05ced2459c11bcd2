import { fork, type ChildProcess, type SendHandle } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { openListener, type Listener } from '../../packages/cli/src/supervise/listener.ts'
import { compileNative, freePort } from '../relay/machinery.ts'
import { cpuNanoseconds, residentKib } from '../relay/process-cost.ts'
import { runLoad } from '../relay/traffic.ts'

/**
 * The prototypes behind docs/decisions on processes: the smallest server that counts, twice over. `node bench/prototypes/processes.ts`
 *
 *   processes   each forked, all accepting from one inherited socket; a counter leased in portions over the IPC channel
 *   threads     of one process, each with a `reusePort` socket of its own; one counter in a SharedArrayBuffer
 */
const WORKERS = 2
const ROTATIONS = 20
const CLIENTS = 16
const PORTION = 1_000
const BODY = JSON.stringify({ usage: { total_tokens: 400 } })
const ANSWER = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`

/** Answers every request that comes in one piece. `drain` stops accepting, answers what is there, and ends. */
function serve(admit: () => void, started: (server: Server) => void): { drain(): Promise<void> } {
  const sockets = new Set<Socket>()
  let draining = false
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('data', () => {
      admit()
      if (draining) socket.end(ANSWER.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))
      else socket.write(ANSWER)
    })
    socket.on('end', () => socket.end())
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  started(server)
  return {
    async drain() {
      draining = true
      server.close()
      for (const end = performance.now() + 2_000; sockets.size > 0 && performance.now() < end;) await delay(5)
    },
  }
}

/** Child process: waits for the socket. */
function runProcess(): void {
  let left = 0
  const admit = (): void => {
    if (--left > 0) return
    process.send?.('lease')
    left += PORTION
  }
  let running: { drain(): Promise<void> } | null = null
  process.on('message', (message, handle) => {
    if (message === 'serve') running = serve(admit, server => server.listen(handle as object, 4_096, () => process.send?.('listening')))
    else if (message === 'crash') process.abort()
    else void running?.drain().then(() => process.exit(0))
  })
  process.on('disconnect', () => process.exit(0))
}

function runThread(): void {
  const { port, counter } = workerData as { port: number, counter: SharedArrayBuffer }
  const units = new Int32Array(counter)
  const running = serve(() => { Atomics.add(units, 0, 1) }, server => server.listen({ port, host: '127.0.0.1', reusePort: true, backlog: 4_096 }, () => parentPort?.postMessage('listening')))
  parentPort?.on('message', message => {
    if (message === 'crash') process.abort()
    else void running.drain().then(() => process.exit(0))
  })
}

interface Installation {
  readonly port: number
  pids(): readonly number[]
  /** Replaces one worker: the new one listens before the old one stops. */
  rotate(): Promise<void>
  crash(): void
  stop(): void
}

async function startProcesses(): Promise<Installation> {
  const opened = await openListener('127.0.0.1', 0)
  if (!opened.ok) throw new Error(opened.error)
  const listener: Listener = opened.value
  const start = (): Promise<ChildProcess> => new Promise(resolve => {
    const child = fork(import.meta.filename, ['process'], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', message => { if (message === 'listening') resolve(child) })
    child.send('serve', listener.handle as SendHandle)
  })
  const children = await Promise.all(Array.from({ length: WORKERS }, start))
  return {
    port: listener.port,
    pids: () => children.map(child => child.pid ?? 0),
    async rotate() {
      children.push(await start())
      children.shift()?.send('drain')
    },
    crash: () => { children[0]?.send('crash') },
    stop() {
      for (const child of children) child.kill('SIGKILL')
      listener.close()
    },
  }
}

/** Of a process of its own, as it would be: its crash is to be seen, and its memory. */
async function startThreads(): Promise<Installation> {
  const port = await freePort()
  const child = fork(import.meta.filename, ['threads', String(port)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  const said = (word: string): Promise<void> => new Promise(resolve => {
    const hear = (message: unknown): void => {
      if (message !== word) return
      child.off('message', hear)
      resolve()
    }
    child.on('message', hear)
  })
  await said('listening')
  return {
    port, pids: () => [child.pid ?? 0],
    async rotate() {
      child.send('rotate')
      await said('rotated')
    },
    crash: () => { child.send('crash') },
    stop: () => { child.kill('SIGKILL') },
  }
}

async function runThreads(port: number): Promise<void> {
  const counter = new SharedArrayBuffer(8)
  const start = (): Promise<Worker> => new Promise(resolve => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { port, counter } })
    worker.once('message', () => resolve(worker))
  })
  const threads = await Promise.all(Array.from({ length: WORKERS }, start))
  process.on('message', async message => {
    if (message === 'crash') return threads[0]?.postMessage('crash')
    threads.push(await start())
    threads.shift()?.postMessage('drain')
    process.send?.('rotated')
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.('listening')
}

/** Clients that open a connection for each request. Counts what is no answer. */
function churn(port: number): { readonly seen: { answered: number, lost: number }, stop(): Promise<void> } {
  const seen = { answered: 0, lost: 0 }
  let stopping = false
  const once = (): Promise<void> => new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n'))
    let answered = false
    socket.on('data', () => {
      answered = true
      socket.end()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      seen[answered ? 'answered' : 'lost']++
      resolve()
    })
  })
  const clients = Array.from({ length: CLIENTS }, async () => { while (!stopping) await once() })
  return { seen, async stop() { stopping = true; await Promise.all(clients) } }
}

async function measure(name: string, start: () => Promise<Installation>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const running = await start()
  try {
    writeFileSync(join(folder, 'json'), 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
    const load = { program: compileNative('load'), requests: folder }
    await runLoad(load, running.port, 'json', { seconds: 2 })
    const before = cpuNanoseconds(running.pids())
    const { ok } = await runLoad(load, running.port, 'json', { seconds: 4 })
    const cost = (cpuNanoseconds(running.pids()) - before) / ok / 1_000
    const mib = residentKib(running.pids()) / 1_024
    const rolled = churn(running.port)
    for (let round = 0; round < ROTATIONS; round++) {
      await running.rotate()
      await delay(100)
    }
    await rolled.stop()
    const crashed = churn(running.port)
    await delay(500)
    const { answered } = crashed.seen
    running.crash()
    await delay(1_000)
    const after = crashed.seen.answered - answered
    await crashed.stop()
    process.stdout.write(`${name.padEnd(12)}${cost.toFixed(2)} us CPU per request;   ${mib.toFixed(0)} MiB;   ${ROTATIONS} rotations: ${rolled.seen.lost} lost of ${rolled.seen.answered + rolled.seen.lost};   `
      + `one of ${WORKERS} aborts: ${crashed.seen.lost} lost, ${after} answered in the next second\n`)
  } finally {
    running.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (!isMainThread) runThread()
else if (process.argv[2] === 'process') runProcess()
else if (process.argv[2] === 'threads') await runThreads(Number(process.argv[3]))
else {
  for (let round = 0; round < 3; round++) {
    await measure('processes', startProcesses)
    await measure('threads', startThreads)
  }
}
