import { startSandbox } from '../../../packages/sandbox/src/main.ts'
import { startHeadrace, type Headrace, type HeadraceOptions } from '../../harness/start-headrace.ts'
import { until } from '../../harness/until.ts'

/** What a provider speaks: its name in the table, and what the gateway is told of it. */
export interface Outbound { readonly name: string, readonly dialect: string, readonly path: string }

/** A new dialect is a row here; its SDKs are rows of `SDKS`. */
export const OUTBOUND: readonly Outbound[] = [
  { name: 'Chat Completions', dialect: 'openai-chat', path: '/v1' },
  { name: 'Responses', dialect: 'openai-responses', path: '/v1' },
  { name: 'Messages', dialect: 'anthropic-messages', path: '/v1' },
  { name: 'Gemini', dialect: 'google-gemini', path: '/v1beta' },
]

/** A gateway before the engine, which it knows as a provider of each dialect. */
export interface Lanes {
  readonly url: string
  readonly headrace: Headrace
  /** The public name of one of the engine's models there. */
  model(outbound: Outbound, engine: string): string
  /** Resolves when the engine has seen the call of this model go away. */
  aborted(engine: string): Promise<void>
  /** The bodies that the engine was sent since the last question, oldest first. */
  takeBodies(): readonly string[]
  stop(): Promise<void>
}

/** `more`: of the gateway's start, and of its configuration. */
export async function startLanes(outbounds: readonly Outbound[], more: HeadraceOptions = {}): Promise<Lanes> {
  const sandbox = await startSandbox()
  const id = (outbound: Outbound): string => outbound.dialect.replaceAll('-', '')
  const providers = Object.fromEntries(outbounds.map(outbound => [id(outbound), {
    base_url: `http://${sandbox.host}:${sandbox.port}${outbound.path}`, dialect: outbound.dialect, credentials: ['sk-sandbox-0123456789abcdef'],
  }]))
  const models = Object.fromEntries(outbounds.map(outbound => [`${id(outbound)}-*`, [`${id(outbound)}/*`]]))
  const headrace = await startHeadrace({ ...more, config: { providers, models, relay: { max_attempts: 1 }, ...more.config } }).catch(async (error: unknown) => {
    await sandbox.close()
    throw error
  })
  let seen = 0
  return {
    url: headrace.url, headrace,
    takeBodies() {
      const calls = sandbox.calls().calls.filter(call => call.n > seen)
      seen = calls.at(-1)?.n ?? seen
      return calls.map(call => call.body)
    },
    model: (outbound, engine) => `${id(outbound)}-${engine}`,
    aborted: async (engine) => { await until(`the provider to see ${engine} go away`, () => sandbox.calls().calls.some(call => call.model === engine && call.state === 'aborted')) },
    async stop() {
      await headrace.stop()
      await sandbox.close()
    },
  }
}
