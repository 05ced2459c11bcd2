import { startSandbox } from '../../../packages/sandbox/src/main.ts'
import { API_KEY, startHeadrace } from '../../harness/start-headrace.ts'
import { until } from '../../harness/until.ts'
import { FEATURES, type Feature, type Lane, type Sdk } from './sdk.ts'

/** What a provider speaks: its name in the table, and what the gateway is told of it. */
export interface Outbound { readonly name: string, readonly dialect: string, readonly path: string }

/** A new dialect is a row here; its SDKs are rows of `SDKS`. */
export const OUTBOUND: readonly Outbound[] = [
  { name: 'Chat Completions', dialect: 'openai-chat', path: '/v1' },
  { name: 'Messages', dialect: 'anthropic-messages', path: '/v1' },
]

export interface Cell { readonly sdk: Sdk, readonly outbound: Outbound, readonly feature: Feature, /** '' = it is green. */ readonly problem: string }

/** Longest that one check may take, milliseconds. */
const CELL_TIMEOUT = 10_000

/** Starts the engine and a gateway before it, and asks everything of every SDK over every provider. */
export async function runMatrix(sdks: readonly Sdk[], outbounds: readonly Outbound[] = OUTBOUND, features: readonly Feature[] = FEATURES): Promise<readonly Cell[]> {
  const sandbox = await startSandbox()
  const id = (outbound: Outbound): string => outbound.dialect.replaceAll('-', '')
  const providers = Object.fromEntries(outbounds.map(outbound => [id(outbound), {
    base_url: `http://${sandbox.host}:${sandbox.port}${outbound.path}`, dialect: outbound.dialect, credentials: ['sk-sandbox-0123456789abcdef'],
  }]))
  const models = Object.fromEntries(outbounds.map(outbound => [`${id(outbound)}-*`, [`${id(outbound)}/*`]]))
  try {
    const headrace = await startHeadrace({ config: { providers, models, relay: { max_attempts: 1 } } })
    try {
      const cells: Cell[] = []
      for (const outbound of outbounds) {
        const lane: Lane = {
          url: headrace.url, key: API_KEY, model: engine => `${id(outbound)}-${engine}`,
          aborted: async (engine) => { await until(`the provider to see ${engine} go away`, () => sandbox.calls().calls.some(call => call.model === engine && call.state === 'aborted')) },
        }
        for (const sdk of sdks) for (const feature of features) cells.push({ sdk, outbound, feature, problem: await problemOf(sdk.checks[feature](lane)) })
      }
      return cells
    } finally {
      await headrace.stop()
    }
  } finally {
    await sandbox.close()
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
