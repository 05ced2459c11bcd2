/** Public model names a key may call, exact or with a trailing `*`. */
export class AllowList {
  readonly #exact: ReadonlySet<string>
  readonly #prefixes: readonly string[]

  constructor(names: readonly string[]) {
    this.#exact = new Set(names.filter(name => !name.endsWith('*')))
    this.#prefixes = names.filter(name => name.endsWith('*')).map(name => name.slice(0, -1))
  }

  allows(model: string): boolean {
    return this.#exact.has(model) || this.#prefixes.some(prefix => model.startsWith(prefix))
  }
}
