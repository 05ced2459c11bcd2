import { fork, type ChildProcess } from 'node:child_process'

/** What children tell people goes to our stderr; their stdout is nobody's. */
const STDIO = ['ignore', 'ignore', 'inherit', 'ipc'] as const

/**
 * Blocks of a MiB and more go back to the kernel when they are freed. Left to itself glibc learns from the first large request body that such blocks come often, and
 * keeps what up to 64 MiB of them were: memory that nobody uses and no control group gets back. Other C libraries know none of this.
 */
const ALLOCATOR = Object.freeze({ MALLOC_MMAP_THRESHOLD_: `${2 ** 20}`, MALLOC_TRIM_THRESHOLD_: `${2 ** 24}` })

/**
 * Starts a program of its own process group: a terminal's Ctrl-C reaches the supervisor alone, and it decides the order of the end.
 * The program ends by itself when the IPC channel breaks, so that a killed supervisor leaves no orphan.
 */
export function forkProgram(path: string, args: readonly string[]): ChildProcess {
  return fork(path, args, { detached: true, stdio: [...STDIO], env: { ...ALLOCATOR, ...process.env } })
}
