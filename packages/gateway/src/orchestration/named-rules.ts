/** What a configuration says of targets by name: the exact name wins, then the longest prefix. */
export class NamedRules<Rule extends { readonly name: string }> {
  readonly #exact = new Map<string, Rule>()
  readonly #prefixes: readonly { readonly prefix: string, readonly rule: Rule }[]

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) if (!rule.name.endsWith('*')) this.#exact.set(rule.name, rule)
    this.#prefixes = rules.filter(({ name }) => name.endsWith('*')).map(rule => ({ prefix: rule.name.slice(0, -1), rule }))
      .toSorted((left, right) => right.prefix.length - left.prefix.length)
  }

  /** `target` = `provider/model`; null = nothing is said of it. */
  find(target: string): Rule | null {
    return this.#exact.get(target) ?? this.#prefixes.find(({ prefix }) => target.startsWith(prefix))?.rule ?? null
  }
}
