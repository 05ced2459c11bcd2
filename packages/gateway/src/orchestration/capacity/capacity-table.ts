import type { CapacityRule } from '@headrace/contract'

/** Which engine serves a target: the exact name wins, then the longest prefix. */
export class CapacityTable {
  readonly #exact = new Map<string, CapacityRule>()
  readonly #prefixes: readonly { readonly prefix: string, readonly rule: CapacityRule }[]

  constructor(rules: readonly CapacityRule[]) {
    const frozen = rules.map(rule => Object.freeze({ ...rule }))
    for (const rule of frozen) if (!rule.name.endsWith('*')) this.#exact.set(rule.name, rule)
    this.#prefixes = frozen.filter(({ name }) => name.endsWith('*')).map(rule => ({ prefix: rule.name.slice(0, -1), rule }))
      .toSorted((left, right) => right.prefix.length - left.prefix.length)
  }

  /** `target` = `provider/model`; null = its engine takes whatever comes. */
  find(target: string): CapacityRule | null {
    return this.#exact.get(target) ?? this.#prefixes.find(({ prefix }) => target.startsWith(prefix))?.rule ?? null
  }
}
