import { failure, success, type KeyRecord, type KeyStore, type ResolvedConfig, type Result, type ServerConfig } from '@headrace/contract'
import type { ConfigError } from '@headrace/contract/config'
import type { Fleet } from '../fleet/fleet.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import { compileConfig, readConfigText, type ConfigSource, type InvalidConfig } from './compile-config.ts'
import { generateFirstKeys, needsFirstKeys, type FirstKeys } from './first-keys.ts'

/** How long a reload waits for the workers, ms. */
const ROLLOUT_MS = 10_000

/** What became of an attempt to change the configuration. */
export type Change =
  | { readonly kind: 'in-force', readonly version: number, readonly workers: number, readonly warnings: readonly string[] }
  | { readonly kind: 'invalid', readonly text: string, readonly errors: readonly ConfigError[] }
  /** A worker refused it: the one before is in force again, as `version`. */
  | { readonly kind: 'refused', readonly version: number, readonly worker: number, readonly reason: string }
  /** Sent, and not yet taken by these workers. */
  | { readonly kind: 'late', readonly version: number, readonly missing: readonly number[] }

/** The last thing that went wrong and still is. */
export interface ConfigProblem {
  /** Unix ms. */
  readonly at: number
  readonly text: string
}

export interface ConfigKeeperOptions {
  readonly source: ConfigSource
  readonly keys: KeyStore
  readonly fleet: Fleet
  /** Sends a configuration to all workers, present and future. */
  readonly send: (config: ResolvedConfig) => void
  /** Hears in words what is wrong with a configuration. */
  readonly onProblem: (problem: string) => void
  readonly onWarning: (warning: string) => void
  readonly rolloutMs?: number
}

/** Holds the configuration in force and changes it: one change at a time, whole or not at all (invariant 2). */
export class ConfigKeeper {
  readonly #options: ConfigKeeperOptions
  readonly #listeners = new Set<(config: ResolvedConfig) => void>()
  #current: ResolvedConfig | null = null
  #version = 0
  /** As it was last looked at, good or bad; undefined = never, or it could not be read. */
  #text: string | null | undefined
  #sandboxUrl: string | null = null
  readonly #inTurn = oneAtATime()
  problem: ConfigProblem | null = null
  warnings: readonly string[] = []

  constructor(options: ConfigKeeperOptions) {
    this.#options = options
  }

  /** In force. Throws before `start` has succeeded. */
  get current(): ResolvedConfig {
    if (this.#current === null) throw new Error('there is no configuration yet')
    return this.#current
  }

  /** Hears of every configuration that is sent, the present one at once. */
  onChange(listener: (config: ResolvedConfig) => void): void {
    this.#listeners.add(listener)
    if (this.#current !== null) listener(this.#current)
  }

  /**
   * Compiles and sends the first configuration. On a first start keys are made, stored once the configuration is known to be good, and told before it is sent:
   * whoever gets it may fail at once.
   */
  async start(sandboxUrl: string | null, onFirstKeys: (keys: FirstKeys) => void = () => {}): Promise<Result<FirstKeys | null, InvalidConfig>> {
    this.#sandboxUrl = sandboxUrl
    const stored = await this.#options.keys.all()
    const compiled = this.#compile(readConfigText(this.#options.source.path), stored)
    if (!compiled.ok) return compiled
    if (!needsFirstKeys(compiled.value, stored)) {
      this.#publish(compiled.value)
      return success(null)
    }
    const first = generateFirstKeys()
    for (const record of first.records) await this.#options.keys.add(record.tenant, record)
    onFirstKeys(first)
    this.#publish({ ...compiled.value, keys: [...compiled.value.keys, ...first.records] })
    return success(first)
  }

  /** The file is read again. `onlyIfChanged`: nothing happens (null) unless its text is another than last time. */
  reload(options: { readonly onlyIfChanged: boolean }): Promise<Change | null> {
    return this.#inTurn(async () => {
      const text = readConfigText(this.#options.source.path)
      if (options.onlyIfChanged && this.#text === (text.ok ? text.value : undefined)) return null
      const compiled = this.#compile(text, await this.#options.keys.all())
      if (!compiled.ok) {
        this.#fail(`The configuration was not changed: the file is not valid.\n${compiled.error.text}`)
        return { kind: 'invalid', ...compiled.error }
      }
      this.#warnOfRestart(compiled.value)
      return this.#rollOut({ ...compiled.value, server: { ...compiled.value.server, admin: this.current.server.admin, anonymous: movedNowhere(compiled.value.server.anonymous, this.current.server.anonymous) } })
    })
  }

  /** The key store has changed: new keys, the rest as it is. The file is not read, so that a bad one holds up no key. */
  applyKeys(): Promise<Change> {
    return this.#inTurn(async () => {
      const stored = await this.#options.keys.all()
      return this.#rollOut({ ...this.current, version: this.#nextVersion(), keys: [...this.current.keys.filter(isFileKey), ...stored] })
    })
  }

  /** The sandbox has moved. */
  async moveSandbox(url: string | null): Promise<void> {
    if (url === this.#sandboxUrl) return
    this.#sandboxUrl = url
    await this.reload({ onlyIfChanged: false })
  }

  #compile(text: Result<string | null, InvalidConfig>, stored: readonly KeyRecord[]): Result<ResolvedConfig, InvalidConfig> {
    this.#text = text.ok ? text.value : undefined
    if (!text.ok) return text
    const loaded = compileConfig(this.#options.source, text.value, { version: 0, keys: stored, sandboxUrl: this.#sandboxUrl })
    if (!loaded.ok) return failure(loaded.error)
    this.warnings = loaded.value.warnings
    for (const warning of loaded.value.warnings) this.#options.onWarning(warning)
    return success({ ...loaded.value.config, version: this.#nextVersion() })
  }

  async #rollOut(config: ResolvedConfig): Promise<Change> {
    const before = this.current
    this.#publish(config)
    const rollout = await this.#options.fleet.whenTaken(config.version, this.#options.rolloutMs ?? ROLLOUT_MS)
    if (rollout.kind === 'taken') {
      this.problem = null
      return { kind: 'in-force', version: config.version, workers: rollout.workers, warnings: this.warnings }
    }
    if (rollout.kind === 'late') {
      this.#options.onProblem(`Version ${config.version} of the configuration was sent, and worker ${rollout.missing.join(', ')} has not taken it yet.`)
      return { kind: 'late', version: config.version, missing: rollout.missing }
    }
    // Workers that took it already go back too: all of them serve the same.
    const restored = { ...before, version: this.#nextVersion() }
    this.#publish(restored)
    this.#fail(`The configuration was not changed: worker ${rollout.worker} refused it (${rollout.reason}).`)
    return { kind: 'refused', version: restored.version, worker: rollout.worker, reason: rollout.reason }
  }

  #publish(config: ResolvedConfig): void {
    this.#current = config
    this.#options.send(config)
    for (const listener of this.#listeners) listener(config)
  }

  /** Above every number that workers have: they may be older than this process, and have had their configuration from the one before. */
  #nextVersion(): number {
    this.#version = Math.max(this.#version, ...this.#options.fleet.workers().map(worker => worker.version)) + 1
    return this.#version
  }

  #fail(text: string): void {
    this.problem = { at: Date.now(), text }
    this.#options.onProblem(text)
  }

  #warnOfRestart(next: ResolvedConfig): void {
    const { host, port, admin, anonymous } = this.current.server
    const isSame = next.server.host === host && next.server.port === port && next.server.admin?.host === admin?.host && next.server.admin?.port === admin?.port
      && next.server.anonymous?.host === anonymous?.host && next.server.anonymous?.port === anonymous?.port
    if (isSame) return
    const warning = 'another `server.host`, `server.port`, `anonymous.listen` or `admin.listen` needs a restart: Headrace goes on listening where it does'
    this.warnings = [...this.warnings, warning]
    this.#options.onWarning(warning)
  }
}

/** A listener stays where it is, with everything else as it is configured now; one that is no longer configured lets nobody in. */
function movedNowhere(next: ServerConfig['anonymous'], now: ServerConfig['anonymous']): ServerConfig['anonymous'] {
  if (now === undefined) return undefined
  const { host, port } = now
  return next === undefined ? { ...now, token: '' } : { ...next, host, port }
}

/** The file's own keys, which only the file can change. */
export function isFileKey(key: KeyRecord): boolean {
  return key.keyId.startsWith('file:')
}
