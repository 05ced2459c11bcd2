/** Milliseconds per unit. */
const DURATION_UNITS = Object.freeze({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 })
/** Bytes per unit. */
const SIZE_UNITS = Object.freeze({ B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 })

/** Milliseconds of `500ms`, `30s`, `1.5m`, `2h`, `7d` or a bare number (ms); null = not a duration. */
export function parseDuration(text: string | number): number | null {
  return parseQuantity(text, /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/, DURATION_UNITS)
}

/** Bytes of `64KiB`, `1.5MiB`, `10MB` or a bare number; null = not a size. */
export function parseSize(text: string | number): number | null {
  return parseQuantity(text, /^(\d+(?:\.\d+)?) ?(B|KB|MB|GB|KiB|MiB|GiB)?$/, SIZE_UNITS)
}

function parseQuantity(text: string | number, form: RegExp, units: Readonly<Record<string, number>>): number | null {
  const match = form.exec(String(text).trim())
  if (match === null) return null
  const value = Number(match[1]) * (match[2] === undefined ? 1 : units[match[2]] ?? Number.NaN)
  return Number.isSafeInteger(value) ? value : null
}
