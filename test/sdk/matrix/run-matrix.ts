import { API_KEY } from '../../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Outbound } from './lanes.ts'
import { FEATURES, type Feature, type Lane, type Sdk } from './sdk.ts'

export interface Cell { readonly sdk: Sdk, readonly outbound: Outbound, readonly feature: Feature, /** '' = it is green. */ readonly problem: string }

/** In any dialect: thoughts are asked for. */
const THINKS = /"(thinking|reasoning_effort|reasoning|thinkingConfig)":/

/** Longest that one check may take, milliseconds. */
const CELL_TIMEOUT = 10_000

/** Starts the engine and a gateway before it, and asks everything of every SDK over every provider. */
export async function runMatrix(sdks: readonly Sdk[], outbounds: readonly Outbound[] = OUTBOUND): Promise<readonly Cell[]> {
  const lanes = await startLanes(outbounds)
  try {
    const cells: Cell[] = []
    for (const outbound of outbounds) {
      const lane: Lane = { url: lanes.url, key: API_KEY, model: engine => lanes.model(outbound, engine), aborted: engine => lanes.aborted(engine) }
      for (const sdk of sdks) {
        for (const feature of FEATURES) {
          lanes.takeBodies()
          const problem = await problemOf(sdk.checks[feature](lane))
          const idle = feature === 'reasoning' && !lanes.takeBodies().some(body => THINKS.test(body))
          cells.push({ sdk, outbound, feature, problem: problem === '' && idle ? 'the provider was not asked to think' : problem })
        }
      }
    }
    return cells
  } finally {
    await lanes.stop()
  }
}

async function problemOf(check: Promise<void>): Promise<string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => { late.resolve(`no end within ${CELL_TIMEOUT} ms`) }, CELL_TIMEOUT)
  const done = check.then(() => '', (error: unknown) => error instanceof Error ? error.message : String(error))
  try {
    return await Promise.race([done, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
