import { expect } from 'vitest'
import { describeMedia } from '../../../packages/sandbox/src/engine/describe-media.ts'

/** What is asked of every SDK over every provider. */
export const FEATURES = ['chat', 'stream', 'tools', 'parallel tools', 'structured output', 'images', 'reasoning', 'abort', 'errors', 'broken streams'] as const
export type Feature = typeof FEATURES[number]

/** One gateway before providers of one dialect. */
export interface Lane {
  readonly url: string
  readonly key: string
  /** The public name of one of the engine's models there (`echo`). */
  model(engine: string): string
  /** Resolves when the provider has seen the call of this model go away. */
  aborted(engine: string): Promise<void>
}

/** A check passes or throws. */
export interface Sdk {
  readonly name: string
  /** The dialect that it speaks. */
  readonly speaks: string
  readonly checks: Readonly<Record<Feature, (lane: Lane) => Promise<void>>>
}

export const HELLO = 'Hello there, engine.'
export const SYSTEM = 'Be brief.'

/** A message that names the tools has the engine call them with these arguments; it echoes what they answer. */
export const CITY_SCHEMA = {
  type: 'object' as const, properties: { city: { type: 'string' as const }, days: { type: 'integer' as const } }, required: ['city', 'days'], additionalProperties: false as const,
}
export const SAMPLE = { city: 'sample', days: 1 }
export const CALL_ONE = 'Ask get_weather.'
export const CALL_BOTH = 'Ask get_weather and get_time.'
export const WEATHER = 'sunny in sample'
export const TIME = 'noon in sample'
export const BOTH_RESULTS = `${WEATHER}\n${TIME}`
export const TOOL_NAMES = ['get_weather', 'get_time'] as const
export const resultOf = (tool: string): string => tool === 'get_weather' ? WEATHER : TIME

/** A PNG of one pixel, and what the engine says that it sees. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
export const PIXEL_URL = `data:image/png;base64,${PIXEL}`
export const SEE = 'See '
export const SEEN = SEE + describeMedia({ mediaType: 'image/png', base64: PIXEL })

let aborts = 0
/** A model that never comes to an end, under a name of its own. */
export const endless = (): string => `lorem:tokens=100000,gap=5ms,id=a${++aborts}`

/** How requests fail: the model to ask for, and what an SDK must make of it. */
export const FAILURES = {
  'rate limit': 'fault:status=429,id=f',
  'overload': 'fault:status=529,id=f',
  'bad request': 'fault:status=400,id=f',
  'too long a prompt': 'fault:context_length,id=f',
  'unknown model': null,
  'wrong key': null,
} as const satisfies Readonly<Record<string, string | null>>
export type Failure = keyof typeof FAILURES

/** Makes each failure happen and hands what was raised to `judge`. `ask` sends one request. */
export async function eachFailure(lane: Lane, ask: (model: string, key: string) => Promise<unknown>, judge: (failure: Failure, raised: unknown) => void): Promise<void> {
  for (const failure of Object.keys(FAILURES) as Failure[]) {
    const engine = FAILURES[failure]
    const model = failure === 'unknown model' ? 'no-such-model' : lane.model(engine ?? 'echo')
    const raised: unknown = await ask(model, failure === 'wrong key' ? 'hr_wrong_0123456789abcdefghijklmnop' : lane.key).then(() => expect.fail(`${failure}: nothing was raised`), (error: unknown) => error)
    judge(failure, raised)
  }
}

/** How a stream ends that is not whole: told by the provider, ended cleanly but early, reset, and broken off in the middle of an event. */
const BREAKS = ['error_event', 'cut', 'reset=mid', 'close_mid_event'] as const

/** Each of them must be raised: a broken answer is never taken for a whole one. `read` reads a stream to its end. */
export async function eachBreak(lane: Lane, read: (model: string) => Promise<unknown>): Promise<void> {
  for (const how of BREAKS) {
    const outcome = await read(lane.model(`fault:${how},after=3,id=b`)).then(whole => `taken for whole: ${JSON.stringify(whole)}`, () => 'raised')
    expect([how, outcome]).toEqual([how, 'raised'])
  }
}
