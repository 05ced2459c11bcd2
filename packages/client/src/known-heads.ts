/** Beginnings of conversations that the gateway is known to have, by the heads of their chains. The oldest are forgotten: they are sent whole then. */
export class KnownHeads {
  readonly #heads = new Set<string>()
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  has(head: string): boolean {
    return this.#heads.has(head)
  }

  add(head: string): void {
    this.#heads.delete(head)
    this.#heads.add(head)
    for (const oldest of this.#heads) {
      if (this.#heads.size <= this.#most) return
      this.#heads.delete(oldest)
    }
  }

  delete(head: string): void {
    this.#heads.delete(head)
  }
}
