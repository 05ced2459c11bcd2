import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { CallsReport } from '../../packages/sandbox/src/main.ts'
import { REPOSITORY } from './start-headrace.ts'

/** A simulated engine in a process of its own, so that it can be stopped in its tracks. */
export interface EngineProcess {
  readonly url: string
  /** How it behaves from now on (see the sandbox's `/sandbox/condition`); '' = well. `frozen` = SIGSTOP. */
  set(condition: string): Promise<void>
  calls(): Promise<CallsReport>
  stop(): void
}

/** Starts so many engines at the same time. */
export const startEngines = (count: number): Promise<EngineProcess[]> => Promise.all(Array.from({ length: count }, startEngine))

async function startEngine(): Promise<EngineProcess> {
  const child = fork(join(REPOSITORY, 'packages/sandbox/src/main.ts'), { stdio: 'ignore' })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`The engine ended while starting (${code})`)))
    child.once('message', message => resolve((message as { listening: { port: number } }).listening.port))
  })
  return new RunningEngine(child, `http://127.0.0.1:${port}`)
}

class RunningEngine implements EngineProcess {
  readonly #child: ChildProcess
  readonly url: string
  #frozen = false

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
  }

  async set(condition: string): Promise<void> {
    if (this.#frozen) this.#child.kill('SIGCONT')
    this.#frozen = condition === 'frozen'
    if (this.#frozen) return void this.#child.kill('SIGSTOP')
    const answer = await fetch(`${this.url}/sandbox/condition`, { method: 'PUT', body: condition })
    if (!answer.ok) throw new Error(`The engine answered ${answer.status}: ${await answer.text()}`)
  }

  async calls(): Promise<CallsReport> {
    return await (await fetch(`${this.url}/sandbox/calls`)).json() as CallsReport
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
