import { Worker } from 'node:worker_threads'

/** What the thread begins with. */
export interface ContextThreadData {
  /** Path of the contexts' SQLite file. */
  readonly database: string
  /** Path of the unix socket on which they are served. */
  readonly socket: string
}
/** From the thread. */
export type FromContextThread = { readonly type: 'ready' } | { readonly type: 'problem', readonly problem: string }

export interface ContextOwnerThread {
  /** Resolves when contexts are served for the first time. */
  ready(): Promise<void>
  /** What was asked before is done; then the thread ends. */
  stop(): Promise<void>
}

const RESTART_MS = 500

/**
 * Starts the owner of the contexts in a thread of its own: its file's one writer, apart from the admin surface and its queries. A thread that dies is replaced;
 * what it had answered is on file.
 */
export function startContextOwner(data: ContextThreadData, onProblem: (problem: string) => void): ContextOwnerThread {
  const ready = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  let stopping = false
  let restart: NodeJS.Timeout | null = null
  let thread = start()

  function start(): Worker {
    // The thread's file has this file's extension: `.ts` in the sources, `.mjs` or `.js` when bundled.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./context-thread${extension}`, import.meta.url), { workerData: data })
    worker.on('message', (message: FromContextThread) => message.type === 'ready' ? ready.resolve() : onProblem(message.problem))
    worker.on('error', error => onProblem(`The owner of the contexts failed and is started again: ${error instanceof Error ? error.message : String(error)}`))
    worker.on('exit', () => {
      if (stopping) ended.resolve()
      else restart = setTimeout(() => { thread = start() }, RESTART_MS)
    })
    return worker
  }

  return {
    ready: () => ready.promise,
    async stop() {
      stopping = true
      if (restart !== null) clearTimeout(restart)
      if (thread.threadId === -1) ended.resolve()
      else thread.postMessage('stop')
      await ended.promise
    },
  }
}
