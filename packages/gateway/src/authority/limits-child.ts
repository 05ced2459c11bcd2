import { Exchange, type LimitRule, type LimitsToWorker, type Snapshot } from '@headrace/contract'
import { Admission, Limiter } from '../orchestration/limits/limiter.ts'

/** What the test tells the child, and what it answers. */
export type ToChild = { readonly type: 'begin', readonly rules: readonly LimitRule[] } | { readonly type: 'go', readonly requests: number, readonly holdMs: number } | LimitsToWorker
export type FromChild = { readonly type: 'ready' } | { readonly type: 'running', readonly running: number } | { readonly type: 'done', readonly admitted: number, readonly refused: number, readonly peak: number, readonly waits: readonly number[] }

let running = 0
const limiter = new Limiter({
  now: () => performance.now(), wall: Date.now, soon: queueMicrotask,
  after: (ms, task) => { setTimeout(task, ms).unref() },
  send: message => { process.send?.(message) },
})

/** Sends requests as fast as it can, some hundred at the same time; each holds its slot for a while. */
async function go(requests: number, holdMs: number): Promise<void> {
  let admitted = 0
  let refused = 0
  let peak = 0
  const waits: number[] = []
  const one = async (): Promise<void> => {
    const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', Date.now(), performance.now())
    x.principal = { tenant: 't', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(), source: 'virtual-key' }
    const start = performance.now()
    const decided = await limiter.admit(x, { body: Buffer.from('{}') }, 1)
    waits.push(performance.now() - start)
    if (!(decided instanceof Admission)) {
      refused++
      return
    }
    admitted++
    peak = Math.max(peak, ++running)
    if (holdMs > 0) await new Promise(resolve => setTimeout(resolve, holdMs))
    running--
    limiter.settle(decided, x)
  }
  for (let begun = 0; begun < requests;) {
    const batch: Promise<void>[] = []
    for (let count = 0; count < 100 && begun < requests; count++, begun++) batch.push(one())
    await Promise.all(batch)
    await new Promise(setImmediate)
  }
  process.send?.({ type: 'done', admitted, refused, peak, waits } satisfies FromChild)
}

process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToChild) => {
  if (message.type === 'limits') limiter.receive(message)
  else if (message.type === 'go') void go(message.requests, message.holdMs)
  else {
    limiter.adopt(message.rules, 1)
    setInterval(() => limiter.sweep(), 250).unref()
    process.send?.({ type: 'ready' } satisfies FromChild)
  }
})
