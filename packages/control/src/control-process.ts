import { join } from 'node:path'
import { contextSocket, keySocket, type SubjectView, type ToControl } from '@headrace/contract'
import { RateWindow, readKeptAnswer, SqliteKeyStore, startContextOwner, startLogWriter, type ContextOwnerThread, type LogWriter } from '@headrace/stores'
import type { AdminServer } from './admin/server.ts'
import { BudgetWatch } from './budgets/budget-watch.ts'
import { ConfigKeeper } from './config/config-keeper.ts'
import { watchFile } from './config/watch-file.ts'
import { Fleet } from './fleet/fleet.ts'
import { KeyDesk } from './idempotency/key-desk.ts'
import { startKeyServer, type KeyServer } from './idempotency/key-server.ts'
import type { ControlArguments } from './main.ts'
import { ProblemList } from './problem-list.ts'
import { fatal, say, tell } from './supervisor-link.ts'

const RATES_EVERY_MS = 1_000
/** How often it is looked whether a budget is nearly used up, ms. */
const BUDGETS_EVERY_MS = 15_000

/**
 * The control process, in the order of its life: configuration to the workers first, because they cannot serve without;
 * then the log writer, then the admin API.
 */
export class ControlProcess {
  readonly #arguments: ControlArguments
  readonly #fleet = new Fleet()
  readonly #rates = new RateWindow()
  readonly #logProblems = new ProblemList(say)
  readonly #keys: SqliteKeyStore
  readonly #keeper: ConfigKeeper
  readonly #stops: (() => unknown)[] = []
  #targets: readonly SubjectView[] = []
  #logs: LogWriter | null = null
  #contexts: ContextOwnerThread | null = null
  #server: AdminServer | null = null
  #keyDesk: KeyDesk | null = null
  #keyServer: KeyServer | null = null
  #starting: Promise<void> | null = null
  #stopping = false

  /** Throws if `headrace.db` cannot be used. */
  constructor(args: ControlArguments) {
    this.#arguments = args
    this.#keys = new SqliteKeyStore(join(args.data, 'headrace.db'))
    this.#keeper = new ConfigKeeper({
      source: { path: args.config, data: args.data, env: process.env }, keys: this.#keys, fleet: this.#fleet,
      send: config => tell({ type: 'config', config }), onProblem: say, onWarning: warning => say(`Warning: ${warning}`),
    })
  }

  hear(message: ToControl): void {
    if (message.type === 'worker') this.#fleet.hear(message.worker, message.message)
    else if (message.type === 'worker-leaves') this.#fleet.leaves(message.worker)
    else if (message.type === 'worker-exit') {
      this.#fleet.exited(message.worker)
      this.#logs?.workerExited(message.segmentPrefix)
      this.#abandonKeys()
    } else if (message.type === 'sandbox') this.#hearSandbox(message.url)
    else if (message.type === 'targets') this.#targets = message.subjects
    else if (message.type === 'reload') this.#background(this.#started(() => this.#keeper.reload({ onlyIfChanged: false })))
    else this.#background(this.stop())
  }

  /** Closes everything and exits 0. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    await this.#starting?.catch(() => undefined)
    for (const stop of this.#stops) stop()
    await this.#server?.close()
    await this.#keyServer?.close()
    await this.#contexts?.stop()
    await this.#logs?.stop()
    await this.#keys.close()
    process.exit(0)
  }

  #hearSandbox(url: string | null): void {
    if (this.#starting === null) this.#background(this.#starting = this.#start(url))
    else this.#background(this.#started(() => this.#keeper.moveSandbox(url)))
  }

  async #start(sandboxUrl: string | null): Promise<void> {
    const { data, socket, config } = this.#arguments
    const started = await this.#keeper.start(sandboxUrl, ({ adminKey, apiKey }) => tell({ type: 'keys-created', adminKey, apiKey }))
    if (!started.ok) return fatal(`The configuration cannot be used:\n${started.error.text}`)
    const database = join(data, 'calls.db')
    const ledger = join(data, 'ledger.db')
    const logs = this.#logs = startLogWriter({ directory: join(data, 'journal'), database, ledger, keys: join(data, 'idempotency.db'), onProblem: problem => this.#logProblems.add(problem) })
    await this.#serveKeys(join(data, 'idempotency.db'), logs)
    this.#watchBudgets(ledger, logs)
    this.#keeper.onChange(changed => { if (changed.log !== undefined) logs.keep(changed.log) })
    if (config !== null) this.#stops.push(watchFile(config, () => this.#background(this.#keeper.reload({ onlyIfChanged: true })), say))
    const rates = setInterval(() => this.#rates.add(this.#fleet.metrics(), performance.now()), RATES_EVERY_MS)
    this.#stops.push(() => clearInterval(rates))
    // Fastify and its schemas take longer to load than all of the above.
    const { startAdminServer } = await import('./admin/server.ts')
    const server = await startAdminServer({
      keeper: this.#keeper, fleet: this.#fleet, rates: this.#rates, keys: this.#keys, ledger, targets: () => this.#targets,
      calls: { database, onRow: logs.onRow, recovered: logs.recovered, problems: () => this.#logProblems.list() },
    }, socket, this.#keeper.current.server)
    if (!server.ok) return fatal(`\`admin.listen\` cannot be used: ${server.error}`)
    this.#server = server.value
    this.#ownContexts()
    this.#keeper.onChange(() => this.#ownContexts())
    tell({ type: 'ready', admin: this.#server.address })
  }

  /** From when they are first wanted: whoever switches them off may want them again. */
  #ownContexts(): void {
    const { data, socket } = this.#arguments
    if (this.#keeper.current.contexts == null || this.#stopping) return
    this.#contexts ??= startContextOwner({ database: join(data, 'contexts.db'), socket: contextSocket(socket) }, problem => this.#logProblems.add(problem))
  }

  async #serveKeys(path: string, logs: LogWriter): Promise<void> {
    const desk = this.#keyDesk = new KeyDesk({
      keys: logs.keys, read: (name, now) => readKeptAnswer(path, name, now), wall: Date.now, afterCrash: () => this.#keeper.current.idempotency?.afterCrash ?? 'retry',
    })
    this.#keyServer = await startKeyServer(desk, keySocket(this.#arguments.socket))
    this.#keeper.onChange(changed => { if (changed.idempotency != null) logs.keepAnswers(changed.idempotency.totalBytes) })
    // What died with the whole installation.
    this.#abandonKeys()
  }

  /** Claims of processes that are gone. One that cannot be given up now is looked at again with the next worker that ends, and ends with its time. */
  #abandonKeys(): void {
    void this.#keyDesk?.abandonDead().catch((error: unknown) => this.#logProblems.add(`Idempotency keys cannot be written: ${error instanceof Error ? error.message : String(error)}`))
  }

  #watchBudgets(ledger: string, logs: LogWriter): void {
    const budgets = new BudgetWatch({ ledger, wall: Date.now, caughtUp: logs.caughtUp, tell, warn: say })
    this.#keeper.onChange(changed => budgets.adopt(changed))
    this.#background(logs.recovered().then(() => { if (!this.#stopping) budgets.recovered() }))
    const looking = setInterval(() => budgets.look(), BUDGETS_EVERY_MS)
    this.#stops.push(() => clearInterval(looking))
  }

  async #started(work: () => Promise<unknown>): Promise<void> {
    await this.#starting
    if (!this.#stopping) await work()
  }

  /** Nothing waits for it; a bug in it ends the process, and the supervisor starts another. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => fatal(error instanceof Error ? error.stack ?? error.message : String(error)))
  }
}
