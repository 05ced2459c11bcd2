import { JsonView } from '@headrace/bytes'

/** Events of a response's stream as text, each ending in an empty line; latin1. */

const DATA = /^data: ?(.*)$/m
/** What comes before these is cheap to tell from them: inside of strings every quote is escaped. */
const MAY_END = /"type": ?"(?:error|response\.(?:completed|incomplete|failed|cancelled))"/
const ENDS: ReadonlySet<string> = new Set(['error', 'response.completed', 'response.incomplete', 'response.failed', 'response.cancelled'])

export const splitEvents = (events: string): readonly string[] => events.split(/(?<=\n\r?\n)/)

const dataOf = (event: string): JsonView | null => JsonView.parse(DATA.exec(event)?.[1] ?? '')

/** With it a response ends, one way or another. */
export const isEnding = (event: string): boolean => MAY_END.test(event) && ENDS.has(dataOf(event)?.get('type').string ?? '')

/** -1 = it has none. */
export const sequenceOf = (event: string): number => dataOf(event)?.get('sequence_number').number ?? -1

/** What went wrong, as a response has it: JSON text; null = nothing. */
export function failureOf(events: string): string | null {
  for (const event of splitEvents(events).toReversed()) {
    const data = dataOf(event)
    const error = data?.get('type').string === 'response.failed' ? data.get('response').get('error') : data?.get('type').string === 'error' ? data : undefined
    if (error?.given === true) return failureJson(error)
  }
  return null
}

/** `error`: an object with `code` and `message`. */
export function failureJson(error: JsonView | undefined): string {
  const told = (name: string, usual: string): string => error?.get(name).kind === 'string' ? error.get(name).raw : usual
  return `{"code":${told('code', '"server_error"')},"message":${told('message', '"The response failed."')}}`
}

/** The event that says how a response has ended. `response`: with its output. */
export function endEvent(status: string, response: string, sequence: number): string {
  const type = `response.${status}`
  return `event: ${type}\ndata: {"type":"${type}","sequence_number":${sequence},"response":${response}}\n\n`
}
