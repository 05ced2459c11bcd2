const NOT_ID = /[^A-Za-z0-9_-]/g

/** Each call has an id of its own there, through the whole conversation; other dialects and many engines count anew in every turn. */
export class CallIds {
  readonly #used = new Set<string>()
  readonly #latest = new Map<string, string>()

  begin(id: string): string {
    const base = id.replace(NOT_ID, '_') || 'call'
    let own = base
    for (let n = 2; this.#used.has(own); n++) own = `${base}_${n}`
    this.#used.add(own)
    this.#latest.set(id, own)
    return own
  }

  /** The id under which the latest such call was begun. */
  of(id: string): string {
    return this.#latest.get(id) ?? (id.replace(NOT_ID, '_') || 'call')
  }
}
