import type { Price, PriceRule } from '@headrace/contract'

/** What targets cost: the exact name wins, then the longest prefix. */
export class PriceTable {
  readonly #exact = new Map<string, Price>()
  readonly #prefixes: readonly { readonly prefix: string, readonly price: Price }[]

  constructor(rules: readonly PriceRule[]) {
    for (const { name, price } of rules) if (!name.endsWith('*')) this.#exact.set(name, Object.freeze({ ...price }))
    this.#prefixes = rules.filter(({ name }) => name.endsWith('*')).map(({ name, price }) => ({ prefix: name.slice(0, -1), price: Object.freeze({ ...price }) }))
      .toSorted((left, right) => right.prefix.length - left.prefix.length)
  }

  /** `target` = `provider/model`; null = nobody has said. */
  find(target: string): Price | null {
    return this.#exact.get(target) ?? this.#prefixes.find(({ prefix }) => target.startsWith(prefix))?.price ?? null
  }
}
