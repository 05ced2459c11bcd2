import { readdirSync, readFileSync } from 'node:fs'
import type { Headrace } from './start-headrace.ts'

/** Resident memory of a process, bytes. */
const residentOf = (pid: number): number => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)

/** Open file descriptors of a process. */
const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** What each kind of process holds now: workers together. */
export function holdings(headrace: Headrace): { readonly descriptors: number, readonly workerBytes: number, readonly otherBytes: number } {
  const { supervisor, control, workers } = headrace.pids()
  const sum = (pids: readonly number[], of: (pid: number) => number): number => pids.reduce((total, pid) => total + of(pid), 0)
  return { descriptors: sum([supervisor, control, ...workers], descriptorsOf), workerBytes: sum(workers, residentOf), otherBytes: sum([supervisor, control], residentOf) }
}

/** Resident memory of all workers, bytes. */
export const workerMemory = (headrace: Headrace): number => headrace.pids().workers.reduce((sum, pid) => sum + residentOf(pid), 0)

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
