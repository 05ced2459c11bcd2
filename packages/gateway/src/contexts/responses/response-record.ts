import { JsonView, utf8AsLatin1 } from '@headrace/bytes'
import type { ContextPlace, JsonText } from '@headrace/contract'

/**
 * What is kept of a response beside its items, in its context's settings. Its context holds the whole conversation up to its end: first what came before, then its own input,
 * then its output.
 */
export interface ResponseRecord {
  /** Where its output begins. */
  readonly output: ContextPlace
  /** The response without its output, a JSON object in latin1. */
  readonly response: string
  /** Identity of the process that runs it in the background, or ran it (`processIdentity`); '' = its client waited for it. */
  readonly runner: string
}

/** As settings of a context. `response`: with its output, or without. */
export function writeRecord({ output: { seq, head }, response, runner }: ResponseRecord): JsonText {
  const members = [...JsonView.parse(response)?.members() ?? []].filter(([name]) => name !== 'output')
  const bare = `{${members.map(([name, member]) => `${JSON.stringify(name)}:${member.raw}`).join()}}`
  const run = runner === '' ? '' : `,"runner":${JSON.stringify(runner)}`
  return Buffer.from(`{"output":{"seq":${seq},"head":"${head}"},"response":${bare}${run}}`, 'latin1').toString('utf8')
}

/** Null = these are no settings of a response. */
export function readRecord(settings: JsonText): ResponseRecord | null {
  const view = JsonView.parse(utf8AsLatin1(settings))
  const seq = view?.get('output').get('seq').number, head = view?.get('output').get('head').string, response = view?.get('response')
  return seq == null || head == null || response?.kind !== 'object' ? null : { output: { seq, head }, response: response.raw, runner: view?.get('runner').string ?? '' }
}

/** The response with its output, as clients see it. Latin1. */
export function wholeResponse({ response }: Pick<ResponseRecord, 'response'>, output: readonly string[]): string {
  return `${response.slice(0, -1)},"output":[${output.join()}]}`
}

const UNFINISHED: ReadonlySet<string> = new Set(['queued', 'in_progress'])

/** How it stands: `queued`, `in_progress`, `completed`, `incomplete`, `failed`, `cancelled`. */
export const statusOf = ({ response }: Pick<ResponseRecord, 'response'>): string => JsonView.parse(response)?.get('status').string ?? ''
export const isUnfinished = (record: Pick<ResponseRecord, 'response'>): boolean => UNFINISHED.has(statusOf(record))

/** The same response with another standing. `error`: JSON text in latin1. */
export function withStatus(response: string, status: 'in_progress' | 'failed' | 'cancelled', error = 'null'): string {
  const members = new Map([...JsonView.parse(response)?.members() ?? []].map(([name, member]) => [name, member.raw]))
  members.set('status', `"${status}"`).set('error', error)
  return `{${[...members].map(([name, raw]) => `${JSON.stringify(name)}:${raw}`).join()}}`
}
