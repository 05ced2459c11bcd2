import type { Exchange, FirstTokenClass, Target, TimeoutRules, Timeouts } from '@headrace/contract'

/** Milliseconds to the first byte where nobody has said any: of a stream, and of an answer in one piece, which comes when all of it is written. */
const FIRST_TOKEN_MS = Object.freeze({
  fast: { stream: 30_000, whole: 120_000 }, normal: { stream: 60_000, whole: 180_000 }, reasoning: { stream: 300_000, whole: 600_000 },
} as const satisfies Record<FirstTokenClass, { readonly stream: number, readonly whole: number }>)
const REST = Object.freeze({ connect: 5_000, idle: 60_000, total: 600_000 })

/** A target's deadlines, of what was said of it from the general to the particular; `firstToken`: how long its model usually thinks. */
export function compileTimeouts(rules: readonly (TimeoutRules | undefined)[], firstToken: FirstTokenClass): Required<Pick<Target, 'timeouts' | 'wholeTimeouts'>> {
  const said: TimeoutRules = Object.assign({}, ...rules)
  const { stream, whole } = FIRST_TOKEN_MS[firstToken]
  const timeouts = Object.freeze({ firstToken: stream, ...REST, ...said })
  return { timeouts, wholeTimeouts: said.firstToken === undefined ? Object.freeze({ ...timeouts, firstToken: whole }) : timeouts }
}

/** The deadlines of a request at a target: the client may shorten them (`headrace-timeout`), never lengthen. */
export function timeoutsFor(x: Exchange, target: Target): Timeouts {
  const own = x.stream ? target.timeouts : target.wholeTimeouts ?? target.timeouts
  return x.timeouts === null ? own : shortened(own, x.timeouts)
}

const shortened = (own: Timeouts, asked: Timeouts): Timeouts => ({
  connect: Math.min(own.connect, asked.connect), firstToken: Math.min(own.firstToken, asked.firstToken), idle: Math.min(own.idle, asked.idle), total: Math.min(own.total, asked.total),
})

/** `first_token 5000 ms, total 30000 ms`: the parts that are bounded. */
export function describeTimeouts({ connect, firstToken, idle, total }: Timeouts): string {
  return Object.entries({ connect, first_token: firstToken, idle, total }).filter(([, ms]) => Number.isFinite(ms)).map(([name, ms]) => `${name} ${ms} ms`).join(', ')
}
