import { readFileSync } from 'node:fs'

/**
 * Names one process for as long as the machine's disks live: process id, start time and boot, so that a number used again by another
 * process is not taken for it. Outside Linux only the id is known. '' = there is no such process.
 */
export function processIdentity(pid: number): string {
  if (process.platform !== 'linux') return exists(pid) ? `${pid}` : ''
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name, in parentheses, may hold anything: fields are counted after its end. Field 3 is the state, 22 the start time (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return ''
    return `${pid}:${fields[19]}:${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}`
  } catch {
    return exists(pid) ? `${pid}` : ''
  }
}

/** Whether the process that once had this identity still runs. */
export function isRunning(identity: string): boolean {
  const pid = Number.parseInt(identity, 10)
  return Number.isSafeInteger(pid) && pid > 0 && processIdentity(pid) === identity
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's process exists although it may not be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
