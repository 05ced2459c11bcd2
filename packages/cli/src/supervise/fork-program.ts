import { fork, type ChildProcess } from 'node:child_process'
import cluster from 'node:cluster'

/** What children tell people goes to our stderr; their stdout is nobody's. */
const STDIO = ['ignore', 'ignore', 'inherit', 'ipc'] as const

/**
 * Starts a program of its own process group: a terminal's Ctrl-C reaches the supervisor alone, and it decides the order of the end.
 * The program ends by itself when the IPC channel breaks, so that a killed supervisor leaves no orphan.
 */
export function forkProgram(path: string, args: readonly string[]): ChildProcess {
  return fork(path, args, { detached: true, stdio: [...STDIO] })
}

/**
 * Starts a worker whose listening socket is shared with the other workers. It stays in our process group (node:cluster cannot detach)
 * and ignores the group's signals itself.
 */
export function forkWorker(path: string, args: readonly string[]): ChildProcess {
  cluster.setupPrimary({ exec: path, args: [...args], stdio: [...STDIO] })
  const worker = cluster.fork()
  // The process tells of the same error; a Worker would throw it where nobody listens.
  worker.on('error', () => {})
  return worker.process
}

/**
 * Decides how connections reach workers; once, before the first. A single worker accepts by itself, so that the supervisor is not in the way;
 * several take turns, because long-lived connections would otherwise pile up on one.
 */
export function shareConnections(workers: number): void {
  cluster.schedulingPolicy = workers === 1 ? cluster.SCHED_NONE : cluster.SCHED_RR
}
