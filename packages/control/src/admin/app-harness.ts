import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { CallRecord, ResolvedConfig, SubjectView } from '@headrace/contract'
import { MemoryKeyStore, RateWindow, SqliteLogStore } from '@headrace/stores'
import { ConfigKeeper } from '../config/config-keeper.ts'
import { Fleet } from '../fleet/fleet.ts'
import { createAdminApp } from './app.ts'

export const ADMIN = 'admin-key-0123456789abcdef0123456789'
export const CLIENT = 'client-key-0123456789abcdef012345678'
export const FOREIGN = 'foreign-admin-0123456789abcdef012345'
export const EXPIRED = 'expired-admin-0123456789abcdef012345'
/** Planted wherever a configuration can hold a secret. */
export const CANARY = 'canary-3f9a71c2'

const KEYS = [
  { name: 'root', digest: hash('sha256', ADMIN), scopes: ['admin'] }, { name: 'client', digest: hash('sha256', CLIENT) },
  { name: 'foreign', digest: hash('sha256', FOREIGN), scopes: ['admin'], tenant: 'other' }, { name: 'old', digest: hash('sha256', EXPIRED), scopes: ['admin'], expires: '2020-01-01' },
]
const PROVIDERS = { up: { base_url: 'http://127.0.0.1:9/v1', credentials: [`${CANARY}-credential`, { value: `${CANARY}-vendor`, header: 'x-vendor' }], headers: { 'x-tag': `${CANARY}-header` }, models: ['m'] } }
export const fileText = (changes: Readonly<Record<string, unknown>> = {}): string => JSON.stringify({ providers: PROVIDERS, keys: KEYS, ...changes })

/** The admin API over real parts, without processes: worker 1 takes what `take` says. For tests. */
export class AppHarness {
  readonly directory = mkdtempSync(join(tmpdir(), 'headrace-admin-'))
  readonly path = join(this.directory, 'headrace.yaml')
  readonly fleet = new Fleet()
  readonly keys = new MemoryKeyStore()
  readonly rates = new RateWindow()
  targets: readonly SubjectView[] = []
  readonly said: string[] = []
  readonly sent: ResolvedConfig[] = []
  readonly routes: { readonly method: string, readonly path: string }[] = []
  readonly stopping = new AbortController()
  readonly database = join(this.directory, 'calls.db')
  readonly ledgerPath = join(this.directory, 'ledger.db')
  readonly log = new SqliteLogStore(this.database)
  readonly followers = new Set<(record: CallRecord) => void>()
  take: (config: ResolvedConfig) => 'accept' | 'refuse' | 'nothing' = () => 'accept'
  app!: FastifyInstance // set by `start`, the only way to get one
  readonly keeper = new ConfigKeeper({
    source: { path: this.path, data: this.directory, env: {} }, keys: this.keys, fleet: this.fleet, rolloutMs: 50,
    send: config => this.#send(config), onProblem: text => { this.said.push(text) }, onWarning: () => {},
  })

  static async start(text = fileText()): Promise<AppHarness> {
    const harness = new AppHarness()
    harness.write(text)
    harness.fleet.hear(1, { type: 'listening', host: '127.0.0.1', port: 8787 })
    const started = await harness.keeper.start(null)
    if (!started.ok) throw new Error(started.error.text)
    harness.app = await createAdminApp({
      keeper: harness.keeper, fleet: harness.fleet, rates: harness.rates, keys: harness.keys, ledger: harness.ledgerPath, targets: () => harness.targets,
      calls: {
        database: harness.database, recovered: async () => {}, problems: () => [],
        onRow: listener => { harness.followers.add(listener); return () => harness.followers.delete(listener) },
      },
    }, harness.stopping.signal, (method, path) => harness.routes.push({ method, path }))
    return harness
  }

  write(text: string): void {
    writeFileSync(this.path, text)
  }

  /** As the log writer does. */
  store(record: CallRecord): void {
    this.log.append([record], null)
    for (const listener of this.followers) listener(record)
  }

  ask(method: 'GET' | 'POST' | 'DELETE', url: string, key: string = ADMIN, body?: Readonly<Record<string, unknown>>) {
    return this.app.inject({ method, url, headers: { authorization: `Bearer ${key}` }, ...(body === undefined ? {} : { payload: body }) })
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await this.app.close()
    await this.log.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #send(config: ResolvedConfig): void {
    this.sent.push(config)
    const taken = this.take(config)
    if (taken === 'accept') this.fleet.hear(1, { type: 'accepted', version: config.version })
    if (taken === 'refuse') this.fleet.hear(1, { type: 'refused', version: config.version, reason: 'no certificate' })
  }
}
