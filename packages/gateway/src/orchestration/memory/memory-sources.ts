/** Something whose memory is bounded: bytes at most, and in use; `shared`: by others too, all workers among them. */
export interface MemoryUse { readonly limit: number, readonly used: number, readonly shared: boolean }

/** Reads a whole file as text; null = it cannot be read. */
export type ReadFile = (path: string) => string | null

/** Paths of files, and what stands before the names in `stat` (v1: `total_` counts the groups below too). */
interface Group { readonly limit: string, readonly used: string, readonly stat: string, readonly prefix: string }

/** A limit that is not one: cgroup v1 writes about 2^63 where there is none. */
const NO_LIMIT = 2 ** 60
const V2 = '/sys/fs/cgroup'
const V1 = '/sys/fs/cgroup/memory'

/**
 * The control groups (v2 and v1) that this process is in, from its own up to the root: the kernel kills when any of them is full. A container sees its own
 * group as the root, under a path that may name the host's: what is not there is looked for at the root.
 */
export class ControlGroups {
  readonly #read: ReadFile
  readonly #groups: readonly Group[]

  constructor(read: ReadFile) {
    this.#read = read
    const lines = (read('/proc/self/cgroup') ?? '').split('\n').map(line => /^\d+:([^:]*):(\/.*)$/.exec(line)).filter(match => match !== null)
    const unified = lines.find(([, controllers]) => controllers === '')?.[2] ?? '/'
    const memory = lines.find(([, controllers]) => controllers?.split(',').includes('memory') === true)?.[2] ?? '/'
    const exists = (path: string): boolean => read(path) !== null
    this.#groups = [
      ...upwards(unified).map((path): Group => ({ limit: `${V2}${path}/memory.max`, used: `${V2}${path}/memory.current`, stat: `${V2}${path}/memory.stat`, prefix: '' })),
      ...upwards(memory).map((path): Group => ({ limit: `${V1}${path}/memory.limit_in_bytes`, used: `${V1}${path}/memory.usage_in_bytes`, stat: `${V1}${path}/memory.stat`, prefix: 'total_' })),
    ].filter(({ limit }) => exists(limit))
  }

  /** Of each group that has a limit: without the file cache that the kernel drops before it kills anybody; what of it is mapped (programs) it would soon need again. */
  use(): MemoryUse[] {
    const uses: MemoryUse[] = []
    for (const { limit: limitFile, used: usedFile, stat, prefix } of this.#groups) {
      const limit = Number((this.#read(limitFile) ?? '').trim())
      const used = Number((this.#read(usedFile) ?? '').trim() || NaN)
      if (!(limit > 0 && limit < NO_LIMIT) || !(used >= 0)) continue
      uses.push({ limit, used: used - droppable(this.#read(stat) ?? '', prefix), shared: true })
    }
    return uses
  }
}

function droppable(stat: string, prefix: string): number {
  const [inactive = 0, active = 0, mapped = 0] = ['inactive_file', 'active_file', prefix === '' ? 'file_mapped' : 'mapped_file']
    .map(name => Number(new RegExp(`^${prefix}${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0))
  return Math.max(0, inactive + active - mapped)
}

/** `/a/b` -> `/a/b`, `/a`, ``. */
function upwards(path: string): string[] {
  const parts = path.split('/').filter(part => part !== '')
  return [...parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`), '']
}
