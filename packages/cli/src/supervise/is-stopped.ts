import { readFileSync } from 'node:fs'

/** True = a signal holds the process (SIGSTOP, a debugger): it does nothing, however busy the machine is. False where the system does not tell (Linux does). */
export function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // `12 (name) T 1 ...`: the name may itself hold brackets.
    return /^[Tt] /.test(stat.slice(stat.lastIndexOf(') ') + 2))
  } catch {
    return false
  }
}
