import { mkdirSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { CallRecord, LogBounds } from '@headrace/contract'
import { KeyCalls } from '../idempotency/key-calls.ts'
import type { KeyOrder, KeyOutcome } from '../idempotency/key-operations.ts'

export interface LogWriterOptions {
  /** Where the workers' segments are. Created if missing. */
  readonly directory: string
  /** Path of the call log's SQLite file. */
  readonly database: string
  /** Path of the ledger's SQLite file; left out = no ledger is kept. */
  readonly ledger?: string
  /** Path of the SQLite file of idempotency keys; left out = none are kept. It is made with the first key. */
  readonly keys?: string
  /** What to keep; left out = everything. */
  readonly keep?: LogBounds
  /** Hears in words of damage skipped and of failures; the writer goes on by itself. */
  readonly onProblem?: (problem: string) => void
}

export interface LogWriter {
  /** Resolves when everything that lay there at the start is stored. */
  recovered(): Promise<void>
  /** Resolves when everything that is in the segments now is stored. */
  caughtUp(): Promise<void>
  /** A worker is gone: what it began and did not settle becomes `unknown`. Without this the writer notices within 5 s. */
  workerExited(prefix: string): void
  /** Changes what is kept. */
  keep(bounds: LogBounds): void
  /** Bytes of answers kept under idempotency keys, all together. */
  keepAnswers(maxBytes: number): void
  /** Idempotency keys. Without a file for them every call fails. */
  readonly keys: Pick<KeyCalls, 'run'>
  /** Rows as they are stored, for following. Returns the unsubscriber. */
  onRow(listener: (record: CallRecord) => void): () => void
  /** Reads and stores what is there, then ends the thread. */
  stop(): Promise<void>
}

/** What the thread begins with. */
export interface LogWriterData { readonly directory: string, readonly database: string, readonly ledger: string | null, readonly keys: string | null, readonly keep: LogBounds | null, readonly keptBytes: number }
/** To the thread. */
export type ToLogWriter = { readonly type: 'exited', readonly prefix: string } | { readonly type: 'follow', readonly on: boolean } | { readonly type: 'keep', readonly bounds: LogBounds } | { readonly type: 'keep-answers', readonly maxBytes: number } | { readonly type: 'catch-up', readonly id: number } | KeyOrder | { readonly type: 'stop' }
/** From the thread. */
export type FromLogWriter = { readonly type: 'recovered' } | { readonly type: 'caught-up', readonly id: number } | { readonly type: 'rows', readonly records: readonly CallRecord[] } | { readonly type: 'problem', readonly problem: string } | KeyOutcome

const RESTART_MS = 1000

/** Starts the one writer of the call log, in a thread of its own. A thread that dies is replaced; nothing is lost or doubled by that. */
export function startLogWriter(options: LogWriterOptions): LogWriter {
  mkdirSync(options.directory, { recursive: true, mode: 0o700 })
  const listeners = new Set<(record: CallRecord) => void>()
  const recovered = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const catchingUp = new Map<number, () => void>()
  let asked = 0
  let keep = options.keep ?? null
  let keptBytes = Infinity
  let stopping = false
  let restart: NodeJS.Timeout | null = null
  let thread = start()
  const post = (message: ToLogWriter): void => thread.postMessage(message)
  const keys = new KeyCalls(order => {
    if (options.keys === undefined || thread.threadId === -1) return false
    post(order)
    return true
  })

  function start(): Worker {
    // The thread's file has this file's extension: `.ts` in the sources, `.mjs` or `.js` when bundled.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
    const worker = new Worker(new URL(`./log-writer-thread${extension}`, import.meta.url), {
      workerData: { directory: options.directory, database: options.database, ledger: options.ledger ?? null, keys: options.keys ?? null, keep, keptBytes } satisfies LogWriterData,
    })
    worker.on('message', (message: FromLogWriter) => {
      if (message.type === 'recovered') recovered.resolve()
      else if (message.type === 'caught-up') {
        catchingUp.get(message.id)?.()
        catchingUp.delete(message.id)
      } else if (message.type === 'problem') options.onProblem?.(message.problem)
      else if (message.type === 'key') keys.hear(message)
      else if (message.type === 'key-failed') {
        options.onProblem?.(`Idempotency keys cannot be written: ${message.problem}`)
        keys.hear(message)
      }
      else for (const record of message.records) for (const listener of listeners) listener(record)
    })
    worker.on('error', error => options.onProblem?.(`The log writer failed and is started again: ${error instanceof Error ? error.message : String(error)}`))
    worker.on('exit', () => {
      keys.lost()
      if (stopping) return ended.resolve()
      restart = setTimeout(() => {
        thread = start()
        if (listeners.size > 0) post({ type: 'follow', on: true })
        for (const id of catchingUp.keys()) post({ type: 'catch-up', id })
      }, RESTART_MS)
    })
    return worker
  }

  return {
    recovered: () => recovered.promise,
    caughtUp: () => new Promise(resolve => {
      catchingUp.set(++asked, resolve)
      post({ type: 'catch-up', id: asked })
    }),
    workerExited: prefix => post({ type: 'exited', prefix }),
    keep(bounds) {
      keep = bounds
      post({ type: 'keep', bounds })
    },
    keepAnswers(maxBytes) {
      keptBytes = maxBytes
      post({ type: 'keep-answers', maxBytes })
    },
    keys,
    onRow(listener) {
      listeners.add(listener)
      post({ type: 'follow', on: true })
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) post({ type: 'follow', on: false })
      }
    },
    async stop() {
      if (!stopping) {
        stopping = true
        if (restart !== null) clearTimeout(restart)
        if (thread.threadId === -1) ended.resolve()
        else post({ type: 'stop' })
      }
      await ended.promise
      recovered.resolve()
      for (const resolve of catchingUp.values()) resolve()
    },
  }
}
