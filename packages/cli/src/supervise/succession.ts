import { spawn, type ChildProcess, type Serializable } from 'node:child_process'
import type { SendHandle } from 'node:child_process'
import { failure, success, type Result } from '@headrace/contract'
import type { AuthorityTalk } from '@headrace/gateway/authority'
import { adoptListener, type Listener, type TcpHandle } from './listener.ts'

/**
 * How one supervisor hands everything to another, of a later version as a rule:
 *
 *   predecessor                                     successor
 *       | starts it ------------------------------------> |
 *       | <------------------------------------ prepared  | its code is loaded
 *       | stops its control process: databases are closed |
 *       | succeed, with the socket ---------------------> | starts control and workers; their limits are the predecessor's (guest)
 *       | <---------------------------------------- take  | all of them listen
 *       | state ----------------------------------------> | every counter, and who holds of it
 *       | <------------------------------------- serving  | the data directory is its own
 *       | its workers finish; what they say of limits, and their ends, are passed on
 *       | disconnects                                     |
 *
 * Until `take` it can fail without a trace: the predecessor starts its control process again and goes on. What it says in this
 * conversation must be understood by other versions: `FORMAT` counts up when it changes.
 */
const FORMAT = 1
/** What the successor may take until it serves, ms: longer than the longest start on a slow machine. */
const SERVING_MS = 60_000

/** What is handed over, beside the socket. */
export interface Inheritance {
  /** Unix socket of the control process; its directory is the successor's to remove. */
  readonly controlSocket: string
  /** Where workers count from, among limits and among people. */
  readonly firstLimitsWorker: number
  readonly firstWorker: number
  /** The socket where no key is asked for follows in a message of its own. Older versions have none. */
  readonly anonymous?: true
}

export type ToSuccessor =
  | { readonly type: 'succeed', readonly inheritance: Inheritance }
  /** With the socket where no key is asked for. */
  | { readonly type: 'anonymous' }
  | { readonly type: 'limits', readonly talk: AuthorityTalk }
  /** A worker of the predecessor has ended. */
  | { readonly type: 'worker-exit', readonly segmentPrefix: string }

export type ToPredecessor =
  | { readonly type: 'prepared', readonly format: number }
  | { readonly type: 'limits', readonly talk: AuthorityTalk }
  | { readonly type: 'serving' }
  | { readonly type: 'failed', readonly reason: string }

/** A successor, seen by its predecessor. */
export interface Successor {
  readonly pid: number
  /** Fails with the reason if it cannot go on. */
  prepared(): Promise<Result<void, string>>
  /** Hands over; resolves when it serves, or with why it does not. */
  succeed(inheritance: Inheritance, listener: Listener, anonymous: Listener | null): Promise<Result<void, string>>
  send(message: ToSuccessor): void
  /** Ends it (it failed), or lets it go (it serves). */
  kill(): void
  release(): void
}

/** Starts the program that is to succeed this one. `onLimits` hears what its authority says. */
export function startSuccessor(command: readonly string[], onLimits: (talk: AuthorityTalk) => void): Successor {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(`it could not be started: ${error.message}`))
    child.once('exit', (code, signal) => resolve(`it ended (${String(code ?? signal)}) before it served`))
    setTimeout(() => resolve(`it did not serve after ${SERVING_MS / 1_000} s`), SERVING_MS).unref()
  })
  const heard = (type: ToPredecessor['type']): Promise<Result<ToPredecessor, string>> => new Promise(resolve => {
    child.on('message', (message: ToPredecessor) => {
      if (message.type === type) resolve(success(message))
      else if (message.type === 'failed') resolve(failure(message.reason))
    })
    void ended.then(reason => resolve(failure(reason)))
  })
  child.on('message', (message: ToPredecessor) => { if (message.type === 'limits') onLimits(message.talk) })
  const prepared = heard('prepared')
  const serving = heard('serving')
  return {
    pid: child.pid ?? 0,
    async prepared() {
      const said = await prepared
      if (!said.ok) return said
      if (said.value.type === 'prepared' && said.value.format === FORMAT) return success(undefined)
      return failure('it speaks of hand-overs in another way than this version. Stop Headrace and start the new one')
    },
    async succeed(inheritance, listener, anonymous) {
      tell(child, { type: 'succeed', inheritance: anonymous === null ? inheritance : { ...inheritance, anonymous: true } }, listener.handle)
      if (anonymous !== null) tell(child, { type: 'anonymous' }, anonymous.handle)
      const said = await serving
      return said.ok ? success(undefined) : said
    },
    send: message => tell(child, message),
    kill: () => { child.kill('SIGKILL') },
    release: () => {
      if (child.connected) child.disconnect()
      child.unref()
    },
  }
}

function tell(child: ChildProcess, message: ToSuccessor, handle?: SendHandle): void {
  if (child.connected) child.send(message as Serializable, handle, () => {})
}

/** A predecessor, seen by its successor. */
export interface Predecessor {
  readonly inheritance: Inheritance
  readonly listener: Listener
  readonly anonymous: Listener | null
  /** From now on. What came before is told at once. */
  onMessage(hear: (message: ToSuccessor) => void): void
  /** It has ended, or has nothing more to say. */
  onGone(hear: () => void): void
  send(message: ToPredecessor): void
}

/** Says that this process is prepared, and waits for what is handed over. null = nobody hands anything over. */
export function awaitInheritance(): Promise<Predecessor | null> {
  const send = (message: ToPredecessor): void => { if (process.connected) process.send?.(message, undefined, undefined, () => {}) }
  if (process.send === undefined) return Promise.resolve(null)
  return new Promise(resolve => {
    process.once('disconnect', () => resolve(null))
    process.once('message', (message: ToSuccessor, handle) => {
      if (message.type !== 'succeed') return resolve(null)
      const early: ToSuccessor[] = []
      let hear = (later: ToSuccessor): void => { early.push(later) }
      const listener = adoptListener(handle as unknown as TcpHandle) // sent as the bound handle that it is
      process.on('message', (later: ToSuccessor, other) => {
        if (later.type === 'anonymous') inherit(adoptListener(other as unknown as TcpHandle)) // the same
        else hear(later)
      })
      const { inheritance } = message
      const inherit = (anonymous: Listener | null): void => resolve({
        inheritance,
        listener, anonymous,
        onMessage(listener) {
          hear = listener
          for (const later of early.splice(0)) listener(later)
        },
        onGone: listener => {
          if (process.connected) process.once('disconnect', listener)
          else listener()
        },
        send,
      })
      if (inheritance.anonymous !== true) inherit(null)
    })
    send({ type: 'prepared', format: FORMAT })
  })
}
