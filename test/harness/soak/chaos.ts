import type { Toxics } from '../fault-proxy.ts'
import { pause } from '../scripted-upstream.ts'
import { isAlive, runHeadrace } from '../start-headrace.ts'
import { until } from '../until.ts'
import type { SeededChance } from './seeded-chance.ts'
import type { SoakWorld } from './soak-world.ts'

/** Conditions of an engine: everything that it can do wrong, in part or always. */
const CONDITIONS = [
  'status=500', 'status=502', 'status=503', 'status=503,retry_after=1', 'status=529', 'status=529,retry_after=1,retry_form=date', 'status=429', 'status=429,retry_after=0', 'status=429,retry_after=1',
  'status=429,retry_after=2,retry_form=date', 'status=429,retry_after=1,retry_form=ms', 'status=429,retry_after=1,retry_form=words', 'html', 'html,status=200', 'error_body', 'context_length',
  'reset=before-head', 'reset=mid,after=0', 'reset=mid,after=3', 'hang=accept', 'hang=head', 'hang=mid,after=3', 'stall=500ms,after=3', 'stall=3s,after=3', 'first_token=500ms', 'first_token=3s',
  'error_event,after=3', 'bad_json=2', 'bad_json=5', 'close_mid_event,after=3', 'cut,after=0', 'cut,after=4', 'no_done', 'no_prefill,cut,after=4', 'trickle', 'ttft=400ms,gap=20ms', 'frozen',
] as const
const SHARES = [10, 40, 100] as const

/** What a connection to an engine may suffer. Bytes of an answer. */
const TOXICS = [
  { down: { latencyMs: 30 } }, { down: { sliceBytes: 7 } }, { down: { resetAfter: 300 } }, { down: { stallAfter: 500 } }, { down: { closeAfter: 400 } }, { down: { halfCloseAfter: 350 } },
  { up: { stallAfter: 100 } }, { up: { resetAfter: 200 } }, { up: { sliceBytes: 64 } },
] as const satisfies readonly { readonly up?: Toxics, readonly down?: Toxics }[]

/** Faults that come and go, by chance that can be repeated. */
export class Chaos {
  readonly #world: SoakWorld
  readonly #chance: SeededChance
  #stopping = false
  #running: Promise<void> = Promise.resolve()
  /** When a worker was killed, ms of `performance.now()`. */
  readonly kills: number[] = []
  restarts = 0
  /** Faults that were begun, by name. */
  readonly played = new Map<string, number>()

  constructor(world: SoakWorld, chance: SeededChance) {
    this.#world = world
    this.#chance = chance
  }

  /** `processes`: workers and the control process are killed, and workers replaced, as well. */
  start(processes: boolean): void {
    this.#stopping = false
    this.#running = Promise.all([this.#engines(), ...processes ? [this.#processes()] : []]).then(() => undefined)
  }

  /** No more faults; everything is well again when it resolves. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#running
    for (const proxy of this.#world.proxies) {
      proxy.set({})
      proxy.drop()
    }
    for (const engine of this.#world.engines) await engine.set('')
  }

  async #engines(): Promise<void> {
    const { engines, proxies } = this.#world
    while (!this.#stopping) {
      const index = this.#chance.between(0, engines.length - 1)
      const dice = this.#chance.between(1, 100)
      if (dice <= 55) await this.#befall(index)
      else if (dice <= 80) await engines[index]?.set('')
      else if (dice <= 90) proxies[index]?.set(this.#note('toxic', this.#chance.pick(TOXICS)))
      else if (dice <= 97) proxies[index]?.set({})
      else proxies[index]?.drop()
      await pause(this.#chance.between(200, 1_200))
    }
  }

  async #befall(index: number): Promise<void> {
    const condition = this.#chance.pick(CONDITIONS)
    const share = this.#chance.pick(SHARES)
    await this.#world.engines[index]?.set(this.#note('condition', condition === 'frozen' || share === 100 ? condition : `${condition},share=${share}`))
  }

  async #processes(): Promise<void> {
    const { headrace } = this.#world
    while (!this.#stopping) {
      await pause(this.#chance.between(3_000, 7_000))
      if (this.#stopping) return
      const dice = this.#chance.between(1, 100)
      const { workers, control } = headrace.pids()
      if (dice <= 50) {
        const victim = this.#note('kill worker', this.#chance.pick(workers))
        this.kills.push(performance.now())
        process.kill(victim, 'SIGKILL')
        await until('the worker to be replaced', () => !isAlive(victim) && headrace.pids().workers.length === 2 && !headrace.pids().workers.includes(victim), 30_000)
      } else if (dice <= 65) {
        process.kill(this.#note('kill control', control), 'SIGKILL')
        await until('the control process to be replaced', () => headrace.pids().control !== control, 30_000)
      } else {
        this.#note('restart', null)
        const { code, output } = await runHeadrace(['restart', '--data', headrace.dataDirectory], { limitMs: 60_000 })
        if (code !== 0) throw new Error(`headrace restart: ${output}`)
        this.restarts++
      }
    }
  }

  #note<T>(what: string, value: T): T {
    const name = typeof value === 'string' ? value.split(',share=')[0] ?? '' : typeof value === 'object' && value !== null ? JSON.stringify(value) : what
    this.played.set(name, (this.played.get(name) ?? 0) + 1)
    return value
  }
}
