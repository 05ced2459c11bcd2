import { existsSync, linkSync, lstatSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { failure, keySocket, success, type AdminAddress, type Result } from '@headrace/contract'

/** Who runs on a data directory: `DATA/headrace.pid.json`, for people, `headrace logs` and the next start. */
export interface RunningInstance {
  readonly supervisor: number
  /** Tells the process from a later one with the same id; '' where the system does not say. */
  readonly startedAt: string
  readonly workers: readonly number[]
  readonly control: number
  readonly sandbox: number | null
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** Where the admin API is; null = there too. Older versions do not say. */
  readonly admin?: AdminAddress | null
  /** Unix socket of the control process, alone in a temporary directory: what a `kill -9` of everything leaves behind, the next start removes. */
  readonly controlSocket: string
}

const pathOf = (data: string): string => join(data, 'headrace.pid.json')
/** Of one process alone: two that start at the same moment do not write each other's. */
const draftOf = (data: string): string => `${pathOf(data)}.${process.pid}`

/** Takes the directory for this process, or says who has it. A file left by a dead process is replaced. */
export function claimDataDirectory(data: string, controlSocket: string): Result<void, string> {
  const mine: RunningInstance = { supervisor: process.pid, startedAt: startOf(process.pid), workers: [], control: 0, sandbox: null, host: '', port: 0, tls: false, controlSocket }
  const draft = draftOf(data)
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      // Written whole, then given its name, which fails if another has it: nobody ever reads half a file.
      writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
      linkSync(draft, pathOf(data))
      return success(undefined)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return failure(`${pathOf(data)} cannot be written: ${String(error)}`)
    } finally {
      rmSync(draft, { force: true })
    }
    const holder = readInstance(data)
    if (holder !== null) return failure(`${data} is in use by a running Headrace (process ${holder.supervisor}). Stop it, or choose another directory with --data.`)
    removeLeftSocket(data)
    rmSync(pathOf(data), { force: true })
  }
  return failure(`${data} was taken by another Headrace that started at the same moment.`)
}

/** Writes the present processes down. Only after `claimDataDirectory`. */
export function describeInstance(data: string, facts: Omit<RunningInstance, 'supervisor' | 'startedAt'>): void {
  const instance: RunningInstance = { supervisor: process.pid, startedAt: startOf(process.pid), ...facts }
  // In one step: whoever reads finds the old text or the new one.
  writeFileSync(draftOf(data), JSON.stringify(instance), { mode: 0o600 })
  renameSync(draftOf(data), pathOf(data))
}

/** Gives the directory back; does nothing when it is not ours. */
export function releaseDataDirectory(data: string): void {
  if (readInstance(data)?.supervisor === process.pid) rmSync(pathOf(data), { force: true })
}

/** Somebody has the directory, alive or dead. */
export function isClaimed(data: string): boolean {
  return existsSync(pathOf(data))
}

/** Of a dead instance. Only sockets that are where ours are; the directory goes if nothing else lies in it. */
function removeLeftSocket(data: string): void {
  try {
    const { controlSocket } = JSON.parse(readFileSync(pathOf(data), 'utf8')) as RunningInstance // our own file, written whole
    for (const socket of [controlSocket, keySocket(controlSocket)]) if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket() === true) rmSync(socket)
    rmdirSync(dirname(controlSocket))
  } catch { /* Of another version, or gone already. */ }
}

/** The living instance on a directory, or null. */
export function readInstance(data: string): RunningInstance | null {
  try {
    const instance = JSON.parse(readFileSync(pathOf(data), 'utf8')) as RunningInstance // our own file, written whole
    process.kill(instance.supervisor, 0)
    return startOf(instance.supervisor) === instance.startedAt ? instance : null
  } catch {
    return null
  }
}

/** Linux: the start time in clock ticks, field 22 of proc(5) stat, counted after the parenthesised name. */
function startOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
