import { parentPort, workerData } from 'node:worker_threads'
import { SqliteContextStore } from '../sqlite/context-store.ts'
import { ContextDesk } from './context-desk.ts'
import { startContextServer } from './context-server.ts'
import type { ContextThreadData, FromContextThread } from './start-context-owner.ts'

const PRUNE_EVERY_MS = 60_000
/** Contexts removed in one transaction at most. */
const PRUNE_AT_ONCE = 20

/** Entry of the thread that owns the contexts. Importing it elsewhere does nothing. */
if (parentPort !== null) {
  const port = parentPort
  const stop = await run(workerData as ContextThreadData, message => port.postMessage(message))
  port.once('message', () => void stop().then(() => port.close()))
}

async function run({ database, socket }: ContextThreadData, tell: (message: FromContextThread) => void): Promise<() => Promise<void>> {
  const store = new SqliteContextStore(database)
  const desk = new ContextDesk({ store, wall: Date.now, monotonic: () => performance.now() })
  const server = await startContextServer(desk, socket, problem => tell({ type: 'problem', problem }))
  const prune = async (): Promise<void> => {
    try {
      while (await store.prune(Date.now(), PRUNE_AT_ONCE) > 0);
    } catch (error) {
      tell({ type: 'problem', problem: `Contexts whose time is over cannot be removed: ${error instanceof Error ? error.message : String(error)}` })
    }
  }
  const pruning = setInterval(() => void prune(), PRUNE_EVERY_MS)
  tell({ type: 'ready' })
  return async () => {
    clearInterval(pruning)
    await server.close()
    await store.close()
  }
}
