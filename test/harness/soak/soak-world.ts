import { startEngines, type EngineProcess } from '../engine-processes.ts'
import { startFaultProxy, type FaultProxy } from '../fault-proxy.ts'
import { startHeadrace, type Headrace } from '../start-headrace.ts'

/** Tenants and their clients' keys. */
export const TENANTS = [{ tenant: 'red', key: 'hr_soak_red_0123456789abcdefghijkl' }, { tenant: 'blue', key: 'hr_soak_blue_0123456789abcdefghijk' }] as const
/** Requests at the same time that a tenant may have, and places at engine `a`. */
export const SLOTS = 40
/** Output costs a dollar per million tokens, input nothing. */
export const NANO_PER_TOKEN = 1_000
/** What a tenant may spend, nano-dollars: far more than it does. */
export const BUDGET = 50_000_000_000

/** What a client may ask for, by the dialect that most of its targets speak. `told`: a broken stream is told, not gone on with. */
export const MODELS = ['chat', 'claude', 'gem', 'resp', 'told', 'alone'] as const

const ENGINE = 'echo:gap=2ms'

/** Three engines, each behind a proxy that breaks connections, and the Headrace before them. */
export interface SoakWorld {
  readonly engines: readonly EngineProcess[]
  readonly proxies: readonly FaultProxy[]
  readonly headrace: Headrace
  /** Stops Headrace and starts it again on what it left. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startSoakWorld(): Promise<SoakWorld> {
  const engines = await startEngines(3)
  const proxies = await Promise.all(engines.map(engine => startFaultProxy(Number(new URL(engine.url).port))))
  const provider = (index: number, dialect: string, version = 'v1'): object => ({
    base_url: `http://127.0.0.1:${proxies[index]?.port ?? 0}/${version}`, dialect, credentials: ['sk-soak-0123456789abcdef'], timeouts: { connect: '2s', first_token: '1500ms', idle: '1500ms', total: '40s' },
  })
  const target = (engine: string, model: string): string => `${engine}/${ENGINE},id=${model}`
  const args = ['--workers', '2', '--no-sandbox']
  let headrace = await startHeadrace({
    args,
    config: {
      providers: { a: provider(0, 'openai-chat'), b: provider(1, 'openai-chat'), c: provider(2, 'anthropic-messages'), d: provider(2, 'google-gemini', 'v1beta'), e: provider(1, 'openai-responses') },
      models: {
        chat: { targets: ['a', 'b', 'd'].map(engine => target(engine, 'chat')), rescue: 'continue', hedge: true },
        claude: { targets: ['c', 'a', 'b'].map(engine => target(engine, 'claude')), rescue: 'continue', hedge: true },
        gem: { targets: ['d', 'b', 'c'].map(engine => target(engine, 'gem')), rescue: 'continue' },
        resp: { targets: ['e', 'c', 'a'].map(engine => target(engine, 'resp')), rescue: 'continue' },
        told: { targets: ['b', 'c'].map(engine => target(engine, 'told')), rescue: 'error' },
        alone: { targets: [target('a', 'alone')], rescue: 'continue' },
      },
      keys: TENANTS.map(({ tenant, key }) => ({ name: `${tenant}-client`, key, tenant })),
      limits: [{ name: 'places', per: 'tenant', concurrency: SLOTS }],
      capacity: { [target('a', 'chat')]: SLOTS, [target('a', 'alone')]: SLOTS },
      prices: { 'a/*': { input: 0, output: 1 }, 'b/*': { input: 0, output: 1 }, 'c/*': { input: 0, output: 1 }, 'd/*': { input: 0, output: 1 }, 'e/*': { input: 0, output: 1 } },
      budgets: [{ name: 'plenty', per: 'tenant', amount: `${BUDGET / 1e9} USD`, window: 'month' }],
    },
  }).catch((error: unknown) => {
    for (const engine of engines) engine.stop()
    throw error
  })
  return {
    engines, proxies,
    get headrace() { return headrace },
    async restart() {
      await headrace.stop({ keep: true })
      headrace = await startHeadrace({ directory: headrace.directory, args })
    },
    async stop() {
      await headrace.stop()
      await Promise.all(proxies.map(proxy => proxy.stop()))
      for (const engine of engines) engine.stop()
    },
  }
}
