import { isRunning, processIdentity } from '@headrace/bytes'
import { isClaimed, readInstance } from '../pid-file.ts'

const LOOK_MS = 250

/**
 * What is left of a supervisor that has handed over, and was started by somebody who waits for it: a terminal, systemd, a container's init. It passes signals on
 * to whoever runs on the data directory now, and ends when nobody does.
 */
export class SuccessorWatch {
  readonly #data: string
  readonly #timer: NodeJS.Timeout

  constructor(data: string, onEnd: (exitCode: number) => void) {
    this.#data = data
    this.#timer = setInterval(() => {
      // Also a dead process keeps its number until its parent has asked for its end.
      if (isRunning(processIdentity(this.#pid()))) return
      clearInterval(this.#timer)
      // Who ends in order gives the directory back.
      onEnd(isClaimed(data) ? 1 : 0)
    }, LOOK_MS)
  }

  signal(signal: NodeJS.Signals): void {
    const pid = this.#pid()
    if (pid !== 0) process.kill(pid, signal)
  }

  #pid(): number {
    return readInstance(this.#data)?.supervisor ?? 0
  }
}
