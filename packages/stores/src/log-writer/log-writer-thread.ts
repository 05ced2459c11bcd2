import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { KeyWriter } from '../idempotency/key-writer.ts'
import { SqliteLedgerStore } from '../sqlite/ledger-store.ts'
import { SqliteLogStore } from '../sqlite/log-store.ts'
import { LogCollector } from './log-collector.ts'
import type { FromLogWriter, LogWriterData, ToLogWriter } from './log-writer.ts'
import { prune } from './prune.ts'

/**
 * Polled, not watched: a busy worker appends thousands of times per second, and each would wake a watcher;
 * ten looks per second cost about 0.05 % of a core and make large, cheap transactions.
 */
const POLL_MS = 100
const FIND_DEAD_MS = 5000
const AFTER_FAILURE_MS = 1000
const PRUNE_EVERY_MS = 60_000

/** Entry of the log writer's thread. Importing it elsewhere does nothing. */
if (parentPort !== null) {
  const port = parentPort
  await run(workerData as LogWriterData, message => port.postMessage(message), listener => port.on('message', listener))
  port.close()
}

async function run({ directory, database, ledger: ledgerPath, keys: keysPath, keep, keptBytes }: LogWriterData, tell: (message: FromLogWriter) => void, listen: (listener: (message: ToLogWriter) => void) => void): Promise<void> {
  const exited = new Set<string>()
  /** Who wants to know when all is stored that lay there when they asked. */
  const asking: number[] = []
  const wake = new AbortController()
  let following = false
  const keys = keysPath === null ? null : new KeyWriter(keysPath, tell)
  let bounds = keep
  let answerBytes = keptBytes
  /** When old rows were last looked for; monotonic ms. */
  let pruned = -Infinity
  listen(message => {
    if (message.type === 'exited') exited.add(message.prefix)
    else if (message.type === 'follow') following = message.on
    else if (message.type === 'catch-up') asking.push(message.id)
    else if (message.type === 'key') keys?.take(message)
    else if (message.type === 'keep-answers') {
      answerBytes = message.maxBytes
      pruned = -Infinity
    } else if (message.type === 'keep') {
      bounds = message.bounds
      pruned = -Infinity
    } else wake.abort()
  })
  const pause = (ms: number): Promise<unknown> => delay(ms, undefined, { signal: wake.signal }).catch(() => undefined)

  while (!wake.signal.aborted) {
    try {
      await collect()
    } catch (error) {
      // A full disk or a failing one: start over from what is stored, when it may be better.
      tell({ type: 'problem', problem: `The call log cannot be written: ${error instanceof Error ? error.message : String(error)}` })
      await pause(AFTER_FAILURE_MS)
    }
  }
  keys?.close()

  /** Until told to stop. */
  async function collect(): Promise<void> {
    const store = new SqliteLogStore(database)
    let ledger: SqliteLedgerStore | null = null
    try {
      if (ledgerPath !== null) ledger = new SqliteLedgerStore(ledgerPath)
      const collector = new LogCollector({
        directory, store, ...(ledger === null ? {} : { ledger }),
        onStored: records => { if (following) tell({ type: 'rows', records }) },
        onProblem: problem => tell({ type: 'problem', problem }),
      })
      const pass = async (): Promise<void> => {
        for (const prefix of exited) collector.exited(prefix)
        exited.clear()
        const answered = asking.splice(0)
        try {
          for (const _ of collector.pass()) await turn()
        } catch (error) {
          asking.unshift(...answered)
          throw error
        }
        for (const id of answered) tell({ type: 'caught-up', id })
      }
      await pass()
      collector.dropKnown()
      collector.findDead()
      await pass()
      tell({ type: 'recovered' })
      for (let checked = performance.now(); !wake.signal.aborted;) {
        await pause(POLL_MS)
        if (performance.now() - checked > FIND_DEAD_MS) {
          collector.findDead()
          checked = performance.now()
        }
        await pass()
        if (performance.now() - pruned < PRUNE_EVERY_MS) continue
        pruned = performance.now()
        await keys?.prune(answerBytes, Date.now())
        if (bounds === null) continue
        // New rows are stored between two steps, so that nobody waits for old ones.
        for (const _ of prune(store, bounds, Date.now())) {
          await turn()
          if (wake.signal.aborted) break
          await pass()
        }
      }
    } finally {
      ledger?.close()
      store.close()
    }
  }
}
