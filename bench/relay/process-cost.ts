import { readdirSync, readFileSync } from 'node:fs'

/** On-CPU nanoseconds so far of all threads of these processes (/proc/PID/task/TID/schedstat). A process that is gone counts nothing. */
export function cpuNanoseconds(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    for (const thread of list(`/proc/${pid}/task`)) sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0] ?? 0)
  }
  return sum
}

/** Resident memory in KiB. */
export function residentKib(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0), 0)
}

/** A process and all its descendants. */
export function processTree(root: number): readonly number[] {
  const parents = list('/proc').filter((name) => /^\d+$/.test(name)).map((name) => {
    const text = read(`/proc/${name}/stat`)
    return { pid: Number(name), parent: Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) }
  })
  const tree = [root]
  for (let i = 0; i < tree.length && i < 1000; i++) tree.push(...parents.filter(({ parent }) => parent === tree[i]).map(({ pid }) => pid))
  return tree
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
