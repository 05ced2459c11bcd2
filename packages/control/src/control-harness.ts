import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FromControl, FromWorker, ResolvedConfig, ToControl } from '@headrace/contract'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

export interface Answer { readonly status: number, readonly headers: Readonly<Record<string, string | string[] | undefined>>, readonly body: string }

export interface HarnessOptions {
  readonly directory?: string
  /** Path of a configuration file. */
  readonly config?: string
  readonly env?: Readonly<Record<string, string>>
  readonly sandboxUrl?: string | null
}

/** Plays the supervisor to a real control process. For tests. */
export class ControlHarness {
  readonly directory: string
  readonly socket: string
  readonly child: ChildProcess
  readonly messages: FromControl[] = []
  output = ''
  /** Workers that take every configuration at once; more are added with `join`. */
  readonly #workers = new Map<number, (config: ResolvedConfig) => FromWorker | null>()
  readonly #watchers = new Set<() => void>()
  readonly exited: Promise<number | null>

  constructor(options: HarnessOptions = {}) {
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'headrace-control-'))
    this.socket = join(this.directory, 'control.sock')
    const config = options.config === undefined ? [] : ['--config', options.config]
    this.child = fork(MAIN, ['--data', this.directory, '--socket', this.socket, ...config], { env: { PATH: process.env['PATH'], ...options.env }, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    this.child.stdout?.on('data', chunk => { this.#print(String(chunk)) })
    this.child.stderr?.on('data', chunk => { this.#print(String(chunk)) })
    this.exited = new Promise(resolve => { this.child.once('exit', resolve) })
    this.child.on('message', message => this.#hear(message as FromControl))
    this.send({ type: 'sandbox', url: options.sandboxUrl ?? null })
  }

  static async ready(options: HarnessOptions = {}): Promise<ControlHarness> {
    const harness = new ControlHarness(options)
    await harness.until('ready', () => harness.messages.some(message => message.type === 'ready'))
    return harness
  }

  send(message: ToControl): void {
    this.child.send(message)
  }

  fromWorker(worker: number, message: FromWorker): void {
    this.send({ type: 'worker', worker, message })
  }

  /** A worker that answers configurations with `take`; null = silence. */
  join(worker: number, take: (config: ResolvedConfig) => FromWorker | null = config => ({ type: 'accepted', version: config.version })): void {
    this.#workers.set(worker, take)
    this.fromWorker(worker, { type: 'listening', host: '127.0.0.1', port: 8787 })
    const { version } = this.config
    this.fromWorker(worker, { type: 'accepted', version })
  }

  /** The last one that was sent. */
  get config(): ResolvedConfig {
    const last = this.messages.findLast(message => message.type === 'config')
    if (last?.type !== 'config') throw new Error(`no configuration was sent; ${this.output}`)
    return last.config
  }

  get keys(): { readonly adminKey: string, readonly apiKey: string } {
    const made = this.messages.find(message => message.type === 'keys-created')
    if (made?.type !== 'keys-created') throw new Error('no keys were made')
    return made
  }

  ask(method: string, path: string, options: { readonly key?: string | null, readonly headers?: readonly string[], readonly body?: unknown } = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const body = options.body === undefined ? '' : JSON.stringify(options.body)
      const headers = [...options.headers ?? [], ...(body === '' ? [] : ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(body))])]
      const key = options.key === undefined ? this.keys.adminKey : options.key
      if (key !== null) headers.push('authorization', `Bearer ${key}`)
      const sent = request({ socketPath: this.socket, method, path, headers: ['host', 'gate', ...headers], agent: false }, answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', chunk => { text += String(chunk) })
        answer.on('error', reject).on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** Looks after every message and every line; fails after 10 s. */
  until(what: string, holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve()
      }
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}; control said: ${this.output}`)), 10_000)
      this.#watchers.add(look)
      look()
    })
  }

  async stop(options: { readonly keep?: boolean } = {}): Promise<number | null> {
    if (this.child.connected) this.send({ type: 'stop' })
    const code = await this.exited
    if (options.keep !== true) rmSync(this.directory, { recursive: true, force: true })
    return code
  }

  #hear(message: FromControl): void {
    this.messages.push(message)
    if (message.type === 'config') {
      for (const [worker, take] of this.#workers) {
        const answer = take(message.config)
        if (answer !== null) this.fromWorker(worker, answer)
      }
    }
    for (const look of this.#watchers) look()
  }

  #print(text: string): void {
    this.output += text
    for (const look of this.#watchers) look()
  }
}
