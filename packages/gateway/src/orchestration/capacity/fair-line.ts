import type { Turn } from './turn.ts'

/** The waiting turns of one key, oldest first. */
export class Lane {
  readonly tenant: TenantLanes
  readonly key: string
  count = 0
  oldest: Turn | null = null
  newest: Turn | null = null

  constructor(tenant: TenantLanes, key: string) {
    this.tenant = tenant
    this.key = key
  }
}

interface TenantLanes { readonly name: string, readonly keys: Map<string, Lane>, count: number }

/**
 * Who waits. Tenants take turns, and within a tenant its keys: one request each, however many of them wait. Within a key it is the oldest or the newest,
 * as the caller says. A map keeps its order: whoever was served goes to its end.
 */
export class FairLine {
  readonly #tenants = new Map<string, TenantLanes>()
  #size = 0

  get size(): number {
    return this.#size
  }

  add(turn: Turn): void {
    let tenant = this.#tenants.get(turn.tenant)
    if (tenant === undefined) this.#tenants.set(turn.tenant, tenant = { name: turn.tenant, keys: new Map(), count: 0 })
    let lane = tenant.keys.get(turn.key)
    if (lane === undefined) tenant.keys.set(turn.key, lane = new Lane(tenant, turn.key))
    turn.lane = lane
    turn.older = lane.newest
    if (lane.newest === null) lane.oldest = turn
    else lane.newest.newer = turn
    lane.newest = turn
    lane.count++
    tenant.count++
    this.#size++
  }

  remove(turn: Turn): void {
    const { lane, older, newer } = turn
    if (lane === null) return
    if (older === null) lane.oldest = newer
    else older.newer = newer
    if (newer === null) lane.newest = older
    else newer.older = older
    turn.lane = turn.older = turn.newer = null
    const { tenant } = lane
    this.#size--
    tenant.count--
    if (--lane.count === 0) tenant.keys.delete(lane.key)
    if (tenant.count === 0) this.#tenants.delete(tenant.name)
  }

  /** Who is next; null = nobody waits. */
  peek(newestFirst: boolean): Turn | null {
    for (const tenant of this.#tenants.values()) {
      for (const lane of tenant.keys.values()) return newestFirst ? lane.newest : lane.oldest
    }
    return null
  }

  /** Takes one out whose turn it is: its tenant and its key go to the end. */
  serve(turn: Turn): void {
    if (turn.lane === null) return
    this.#rotate(turn.lane.tenant, turn.lane)
    this.remove(turn)
  }

  /** Whom to send away when there are too many: of the tenant that has most, of its key that has most; the newcomer's own where there is no larger one. */
  surplus(newcomer: Turn, oldest: boolean): Turn {
    let lane = newcomer.lane
    if (lane === null) return newcomer
    let { tenant } = lane
    for (const other of this.#tenants.values()) if (other.count > tenant.count) tenant = other
    if (tenant !== lane.tenant) lane = null
    for (const other of tenant.keys.values()) if (lane === null || other.count > lane.count) lane = other
    return (oldest ? lane?.oldest : lane?.newest) ?? newcomer
  }

  /** How many of those who wait now will be served before one that joins last in its lane, about. */
  ahead(tenantName: string, key: string): number {
    const tenant = this.#tenants.get(tenantName)
    const tenants = this.#tenants.size + (tenant === undefined ? 1 : 0)
    const keys = tenant === undefined ? 1 : tenant.keys.size + (tenant.keys.has(key) ? 0 : 1)
    const own = tenant?.keys.get(key)?.count ?? 0
    return Math.min(this.#size, (own + 1) * keys * tenants - 1)
  }

  /** All keys of which anybody waits. The one that is passed may lose its turns meanwhile. */
  *lanes(): IterableIterator<Lane> {
    for (const tenant of this.#tenants.values()) yield* tenant.keys.values()
  }

  /** Of so many places, those that are due to a key if all who wait take turns; 0 = not even one. */
  share(lane: Lane, places: number): number {
    return Math.floor(places / (this.#tenants.size * lane.tenant.keys.size))
  }

  #rotate(tenant: TenantLanes, lane: Lane): void {
    tenant.keys.delete(lane.key)
    tenant.keys.set(lane.key, lane)
    this.#tenants.delete(tenant.name)
    this.#tenants.set(tenant.name, tenant)
  }
}
