import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { API_KEY, startHeadrace } from '../../test/harness/start-headrace.ts'
import { openLoop, type Asked } from '../overload/open-loop.ts'

const TTFT_MS = 60
/** Two calls in a hundred take 20 times as long to their first byte. */
const engineModel = (id: string): string => `lorem:tokens=4,ttft=${TTFT_MS}ms,share=2,first_token=${TTFT_MS * 19}ms,id=${id}`
const PER_SECOND = 50
const DEADLINE_MS = 20_000
/** Not counted at the beginning, ms: the targets' times become known. */
const WARM_MS = 3_000

/**
 * The same streams at two models at the same time, one hedged and one not, over two workers: the p99 of the time to the first byte as a share of the unhedged one's
 * (`p99`), and how many calls more per request the engine saw of the hedged (`extra`).
 */
export async function hedging(seconds: number): Promise<{ readonly p99: number, readonly extra: number, readonly ms: readonly [hedged: number, plain: number] }> {
  const [engine, other] = await Promise.all([startSandbox(), startSandbox()])
  try {
    const provider = ({ port }: Sandbox): object => ({ base_url: `http://127.0.0.1:${port}/v1`, credentials: ['sk-engine'] })
    const headrace = await startHeadrace({
      config: {
        providers: { engine: provider(engine), other: provider(other) },
        models: { hedged: { targets: [`engine/${engineModel('1')}`, `engine/${engineModel('2')}`], hedge: true }, plain: [`other/${engineModel('1')}`, `other/${engineModel('2')}`] },
      },
      args: ['--workers', '2', '--no-sandbox'],
    })
    try {
      const load = (model: string): Promise<Asked[]> => openLoop({ port: headrace.port, key: API_KEY, model, perSecond: PER_SECOND, seconds: WARM_MS / 1_000 + seconds, deadlineMs: DEADLINE_MS, more: { stream: true } })
      const [hedged, plain] = await Promise.all([load('hedged'), load('plain')])
      const failed = [...hedged, ...plain].filter(({ good }) => !good).length
      if (failed > 0) throw new Error(`${failed} streams were not answered`)
      const ms = [p99(hedged), p99(plain)] as const
      return { p99: ms[0] / ms[1], extra: engine.calls().count / hedged.length - 1, ms }
    } finally {
      await headrace.stop()
    }
  } finally {
    await Promise.all([engine.close(), other.close()])
  }
}

/** Of the time to the first byte, ms. */
function p99(asked: readonly Asked[]): number {
  const waits = asked.filter(({ sentAt }) => sentAt >= WARM_MS).map(({ sentAt, firstByteAt }) => firstByteAt - sentAt).toSorted((left, right) => left - right)
  return waits[Math.floor(waits.length * 0.99)] ?? NaN
}
