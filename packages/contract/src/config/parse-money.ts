import { NANO_PER_DOLLAR } from '../money.ts'

/** Digits after the point: a billionth of a dollar. */
const PLACES = 9
const DECIMAL = /^(\d{1,12})(?:\.(\d{1,9})0*)?$/

/** Nano-dollars of a decimal number of dollars, exact; null = it is none, or has more than nine places. A YAML number is taken as it was written, in its shortest form. */
export function parseDollars(value: string | number): number | null {
  const text = typeof value === 'string' ? value.trim() : Number.isFinite(value) && value >= 0 && value < 1e12 ? shortDecimal(value) : ''
  const match = DECIMAL.exec(text)
  if (match === null) return null
  const nano = BigInt(match[1] ?? '0') * BigInt(NANO_PER_DOLLAR) + BigInt((match[2] ?? '').padEnd(PLACES, '0'))
  return nano <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(nano) : null
}

/** Without an exponent. */
function shortDecimal(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(PLACES).replace(/\.?0+$/, '') : text
}

/** `100 USD`, `$100`, `2.5k USD`: nano-dollars. Null = neither. */
export function parseAmount(value: string | number): number | null {
  if (typeof value === 'number') return parseDollars(value)
  const match = /^\$?\s*(\d+(?:\.\d+)?)([kM]?)\s*(?:USD)?$/.exec(value.trim())
  const dollars = match === null ? null : parseDollars(match[1] ?? '')
  if (dollars === null) return null
  const nano = dollars * (match?.[2] === 'k' ? 1e3 : match?.[2] === 'M' ? 1e6 : 1)
  return Number.isSafeInteger(nano) ? nano : null
}

/** Milliseconds of `rolling 30d`; null = it is none. Whole days, 1 .. 366. */
export function parseRolling(text: string): number | null {
  const match = /^rolling\s+(\d{1,3})\s*(?:d|days?)$/.exec(text.trim())
  const days = Number(match?.[1] ?? 0)
  return days >= 1 && days <= 366 ? days * 86_400_000 : null
}
