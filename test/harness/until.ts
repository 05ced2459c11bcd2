/**
 * Asks again and again until the answer is neither null, undefined nor false, and returns it. Fails with `what` after `limitMs`.
 * For what happens in another process and cannot be awaited; every look is 10 ms after the last.
 */
export async function until<T>(what: string, look: () => T | Promise<T>, limitMs = 10_000): Promise<NonNullable<Exclude<T, false>>> {
  const end = performance.now() + limitMs
  for (;;) {
    const found = await look()
    if (found !== null && found !== undefined && found !== false) return found as NonNullable<Exclude<T, false>>
    if (performance.now() > end) throw new Error(`Waited ${limitMs} ms in vain for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
