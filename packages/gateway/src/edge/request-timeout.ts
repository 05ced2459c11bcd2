import { failure, gatewayError, success, type Result, type Timeouts } from '@headrace/contract'

const PARTS = Object.freeze({ connect: 'connect', first_token: 'firstToken', idle: 'idle', total: 'total' } as const satisfies Record<string, keyof Timeouts>)
const UNITS = Object.freeze({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 })
const isPart = (name: string): name is keyof typeof PARTS => Object.hasOwn(PARTS, name)
const isUnit = (unit: string): unit is keyof typeof UNITS => Object.hasOwn(UNITS, unit)

const UNBOUNDED: Timeouts = Object.freeze({ connect: Infinity, firstToken: Infinity, idle: Infinity, total: Infinity })
/** Milliseconds. */
const LONGEST = 24 * UNITS.h
/** Characters of a header value that are looked at. */
const MAX_LENGTH = 200

/**
 * Reads `headrace-timeout`: one duration for the whole request (`30s`), or parts by name (`total=30s, first_token=5s, connect=500ms, idle=2s`). A duration has a
 * unit. What is not said is Infinity. Errors: `invalid-request`, which says what is wrong with it.
 */
export function readRequestTimeout(value: string): Result<Timeouts> {
  if (value.length > MAX_LENGTH) return refused('it is too long')
  const timeouts = { ...UNBOUNDED }
  for (const item of value.split(',')) {
    const at = item.indexOf('=')
    const name = at < 0 ? 'total' : item.slice(0, at).trim()
    if (!isPart(name)) return refused(`there is no part ${JSON.stringify(name)}; there are ${Object.keys(PARTS).join(', ')}`)
    if (timeouts[PARTS[name]] !== Infinity) return refused(`${name} stands there twice`)
    const ms = readDuration(item.slice(at + 1).trim())
    if (ms === null) return refused(`${JSON.stringify(item.slice(at + 1).trim())} is no duration with a unit between 1ms and 24h`)
    timeouts[PARTS[name]] = ms
  }
  return success(timeouts)
}

/** Whole milliseconds of `1.5s`; null = not that. */
function readDuration(text: string): number | null {
  const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? []
  if (!isUnit(unit)) return null
  const ms = Math.round(Number(digits) * UNITS[unit])
  return ms >= 1 && ms <= LONGEST ? ms : null
}

const refused = (problem: string): Result<Timeouts> =>
  failure(gatewayError('invalid-request', `The header headrace-timeout is not understood: ${problem}. Send a duration such as \`30s\` for the whole request, or parts such as \`total=30s, first_token=5s\`.`, { param: 'headrace-timeout' }))
