/** A set that cannot change: `Object.freeze` alone does not stop `add`. */
export function frozenSet<T>(values: Iterable<T>): ReadonlySet<T> {
  const set = new Set(values)
  const refuse = (): never => { throw new TypeError('this set is frozen') }
  Object.defineProperties(set, { add: { value: refuse }, delete: { value: refuse }, clear: { value: refuse } })
  return Object.freeze(set)
}
