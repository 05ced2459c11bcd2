import { z } from 'zod'
import type { BudgetWindow } from '../budget-window.ts'
import { closestName } from '../closest-name.ts'
import { LIMIT_FORM, LIMIT_PATTERN, parseLimit } from './parse-limit.ts'
import { parseAmount, parseDollars, parseRolling } from './parse-money.ts'
import { parseDuration, parseSize } from './quantities.ts'

/** Building blocks of the schema: each says in one sentence what it wants. */

/** A map with these keys and no others. Its message for unknown keys has one line per key, in the order of `issue.keys`. */
export function strictMap<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: issue => issue.code === 'unrecognized_keys' ? issue.keys.map(key => unknownKey(key, known)).join('\n')
      : issue.code === 'invalid_type' ? `expected a map with ${known.map(key => `\`${key}\``).join(', ')}` : undefined,
  })
}

/** A map all of whose keys may be left out, itself included (`log:` with nothing after it is fine). */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  const map = strictMap(shape)
  return map.nullish().transform(value => value ?? map.parse({}))
}

function unknownKey(key: string, known: readonly string[]): string {
  const shown = key.slice(0, 60)
  const meant = closestName(key, known)
  return meant === null ? `unknown key \`${shown}\`; possible here: ${known.map(name => `\`${name}\``).join(', ')}` : `unknown key \`${shown}\`; did you mean \`${meant}\`?`
}

/** What editors accept besides the plain form: a reference that is replaced before the value is checked. */
const REFERENCE = String.raw`.*\$\{.+\}.*`
const numeric = (pattern: string, wanted: string) => z.string().regex(new RegExp(`^(?:${pattern}|${REFERENCE})$`), { error: wanted })

/** Milliseconds, written `500ms`, `30s`, `5m`, `2h`, `1d` or as a number. */
export const duration = (initial: string, least: number, most: number) => someDuration(initial, least, most).prefault(initial)

/** The same without a default: something else decides where it is left out. */
export const openDuration = (example: string, least: number, most: number) => someDuration(example, least, most).nullish()

function someDuration(example: string, least: number, most: number) {
  const wanted = `expected a duration such as \`${example}\`, between ${showDuration(least)} and ${showDuration(most)}`
  return z.union([z.number(), numeric(String.raw`\d+(\.\d+)?(ms|s|m|h|d)?`, wanted)], { error: wanted }).transform((value, context) => inRange(parseDuration(value), least, most, wanted, context))
}

function showDuration(ms: number): string {
  return ms >= 3_600_000 ? `${ms / 3_600_000}h` : ms >= 1_000 ? `${ms / 1_000}s` : `${ms}ms`
}

/** Bytes, written `64KiB`, `1MiB`, `10MB` or as a number. */
export function size(initial: string, least: number, most: number) {
  return sizeOf(initial, least, most).prefault(initial)
}

/** The same without a default. */
export function sizeOf(example: string, least: number, most: number) {
  const wanted = `expected a size such as \`${example}\`, between ${showSize(least)} and ${showSize(most)}`
  return z.union([z.number(), numeric(String.raw`\d+(\.\d+)? ?(B|[KMG]i?B)?`, wanted)], { error: wanted }).transform((value, context) => inRange(parseSize(value), least, most, wanted, context))
}

function showSize(bytes: number): string {
  return bytes >= 2 ** 30 ? `${bytes / 2 ** 30}GiB` : bytes >= 2 ** 20 ? `${bytes / 2 ** 20}MiB` : bytes >= 1024 ? `${bytes / 1024}KiB` : `${bytes}B`
}

/** An amount per window, written `600/min`. */
export const limitAmount = numeric(LIMIT_PATTERN, `expected ${LIMIT_FORM}`).transform((value, context) => {
  const spec = parseLimit(value)
  if (spec !== null) return spec
  context.addIssue({ code: 'custom', message: `expected ${LIMIT_FORM}; windows are s, min, h (up to 24h), day, week, month` })
  return z.NEVER
})

/** Nano-dollars of a number of dollars, `least` .. `most` nano-dollars. */
export function dollars(most: number, wanted: string) {
  return z.union([z.number(), numeric(String.raw`\d+(\.\d+)?`, wanted)], { error: wanted }).transform((value, context) => inRange(parseDollars(value), 0, most, wanted, context))
}

/** Nano-dollars, written `100 USD`. */
export function money(most: number) {
  const wanted = 'expected an amount such as `100 USD`, `2.5k USD`, more than nothing and at most 4M USD'
  return z.union([z.number(), numeric(String.raw`\$?\s*\d+(\.\d+)?[kM]?\s*(USD)?`, wanted)], { error: wanted }).transform((value, context) => inRange(parseAmount(value), 1, most, wanted, context))
}

/** A budget's window: `day`, `week`, `month`, `rolling 30d`. */
export const budgetWindow = numeric(String.raw`day|week|month|rolling\s+\d{1,3}\s*(d|days?)`, 'expected `day`, `week`, `month`, or `rolling 30d`').transform((value, context): BudgetWindow => {
  if (value === 'day' || value === 'week' || value === 'month') return value
  const ms = parseRolling(value)
  if (ms !== null) return ms
  context.addIssue({ code: 'custom', message: 'expected `day`, `week`, `month`, or `rolling 30d` (1 to 366 days)' })
  return z.NEVER
})

/** A whole number; a string of digits too, since that is what `${PORT}` becomes. */
export function whole(initial: number, least: number, most: number) {
  return wholeNumber(least, most).prefault(initial)
}

/** The same without a default. */
export function wholeNumber(least: number, most: number) {
  const wanted = `expected a whole number between ${least} and ${most}`
  return z.union([z.number(), numeric(String.raw`\d+`, wanted)], { error: wanted })
    .transform((value, context) => inRange(Number.isInteger(Number(value)) ? Number(value) : null, least, most, wanted, context))
}

function inRange(value: number | null, least: number, most: number, wanted: string, context: z.RefinementCtx): number {
  if (value !== null && value >= least && value <= most) return value
  context.addIssue({ code: 'custom', message: wanted })
  return z.NEVER
}

/** Where to listen: `127.0.0.1:9090`, `[::1]:9090`, or a port alone, which is one of this machine alone. */
export function listenAddress() {
  const wanted = 'expected an address to listen on such as `127.0.0.1:9090`, or a port, which is then reached from this machine alone'
  return z.union([z.number(), numeric(String.raw`(?:(?:\[[0-9A-Fa-f:.]+\]|[^\s/\[\]:@]{1,253}):)?\d{1,5}`, wanted)], { error: wanted }).transform((value, context) => {
    const written = /^(?:\[?([^\]]+?)\]?:)?(\d+)$/.exec(String(value))
    const port = Number(written?.[2] ?? -1)
    if (Number.isInteger(port) && port >= 0 && port <= 65_535) return { host: written?.[1] ?? '127.0.0.1', port }
    context.addIssue({ code: 'custom', message: wanted })
    return z.NEVER
  })
}

/** `true` or `false`; as strings too, since that is what a reference becomes. Left out = `initial`. */
export const flag = (initial: boolean) => yesOrNo().prefault(initial)

/** A flag that has no value of its own where it is left out: something else decides then. */
export const openFlag = () => yesOrNo().nullish()

/** A flag that must be there. */
export function yesOrNo() {
  return z.union([z.boolean(), numeric('true|false', 'expected `true` or `false`')], { error: 'expected `true` or `false`' }).transform((value, context) => {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    context.addIssue({ code: 'custom', message: 'expected `true` or `false`' })
    return z.NEVER
  })
}

/** A string of `form`, or `wanted` is the error. */
export const text = (form: RegExp, wanted: string) => z.string({ error: `expected ${wanted}` }).regex(form, { error: `expected ${wanted}` })
export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: `expected one of ${values.map(value => `\`${value}\``).join(', ')}` })
/** A list of at most `most`. */
export const listOf = <Item extends z.ZodType>(item: Item, most: number, wanted: string) =>
  z.array(item, { error: `expected ${wanted}` }).max(most, { error: `too many: at most ${most} are allowed here` })
