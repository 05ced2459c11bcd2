import { fork, type ChildProcess } from 'node:child_process'

/** What children tell people goes to our stderr; their stdout is nobody's. */
const STDIO = ['ignore', 'ignore', 'inherit', 'ipc'] as const

/**
 * Starts a program of its own process group: a terminal's Ctrl-C reaches the supervisor alone, and it decides the order of the end.
 * The program ends by itself when the IPC channel breaks, so that a killed supervisor leaves no orphan.
 */
export function forkProgram(path: string, args: readonly string[]): ChildProcess {
  return fork(path, args, { detached: true, stdio: [...STDIO] })
}
