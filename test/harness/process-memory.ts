import { readFileSync } from 'node:fs'
import type { Headrace } from './start-headrace.ts'

/** Resident memory of all workers, bytes. */
export const workerMemory = (headrace: Headrace): number => headrace.pids().workers
  .reduce((sum, pid) => sum + 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0), 0)

/** Watches workers' memory while something goes on; `stop` tells the most that it grew, bytes. */
export function watchMemory(headrace: Headrace): { readonly before: number, stop(): number } {
  const before = workerMemory(headrace)
  let most = before
  const look = (): void => { most = Math.max(most, workerMemory(headrace)) }
  const timer = setInterval(look, 50)
  return {
    before,
    stop() {
      clearInterval(timer)
      look()
      return most - before
    },
  }
}

export const MIB = 2 ** 20
