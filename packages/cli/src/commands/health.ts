import { askAdmin } from '../admin-client.ts'
import type { HealthFlags } from './program.ts'
import { tableLines, type Column } from './table.ts'

interface Standing { readonly state: string, readonly reason: string | null, readonly since: number, readonly until: number }
interface TargetsAnswer {
  readonly targets: readonly (Standing & {
    readonly target: string, readonly successRate: number | null, readonly p50: number, readonly p95: number, readonly inFlight: number, readonly concurrency: number
    readonly credentials: readonly (Standing & { readonly credential: string })[]
  })[]
  readonly credentials: readonly (Standing & { readonly credential: string })[]
}

const COLUMNS: readonly Column[] = Object.freeze([
  { title: 'TARGET', width: 24 }, { title: 'CREDENTIAL', width: 12 }, { title: 'STATE', width: 8 }, { title: 'REASON', width: 12 }, { title: 'SINCE', width: 8, right: true }, { title: 'AGAIN IN', width: 8, right: true },
  { title: 'SUCCESS', width: 7, right: true }, { title: 'P50', width: 7, right: true }, { title: 'P95', width: 7, right: true }, { title: 'IN FLIGHT', width: 9, right: true },
])

/** Prints how targets stand, and the credentials that do not stand well. Returns 1 where the admin API could not be asked. */
export async function health({ key, json, ...target }: HealthFlags): Promise<number> {
  if (key === undefined) return complain('`health` asks the admin API, which needs an admin key: give it with --key or in HEADRACE_ADMIN_KEY.')
  const answer = await askAdmin(target, key, 'GET', '/targets')
  if (!answer.ok) return complain(answer.error)
  const view = answer.value as TargetsAnswer // our own API
  if (json) process.stdout.write(`${JSON.stringify(view)}\n`)
  else process.stdout.write(`${healthLines(view, Date.now()).join('\n')}\n`)
  return 0
}

/** `now`: Unix ms. */
export function healthLines({ targets, credentials }: TargetsAnswer, now: number): string[] {
  if (targets.length === 0 && credentials.length === 0) return ['No target has been called yet.']
  const rows = targets.flatMap(({ target, successRate, p50, p95, inFlight, concurrency, credentials: pairs, ...standing }) => [
    [target, '', ...shown(standing, now), successRate === null ? '-' : `${(successRate * 100).toFixed(1)}%`, ms(p50), ms(p95), concurrency === 0 ? String(inFlight) : `${inFlight}/${concurrency}`],
    ...pairs.map(({ credential, ...pair }) => [target, credential, ...shown(pair, now), '', '', '', '']),
  ])
  return tableLines(COLUMNS, [...rows, ...credentials.map(({ credential, ...standing }) => ['*', credential, ...shown(standing, now), '', '', '', ''])], true)
}

function shown({ state, reason, since, until }: Standing, now: number): string[] {
  return [state, reason ?? '-', span(now - since), state === 'out' ? until === 0 ? 'probe' : span(until - now) : '-']
}

const ms = (value: number): string => value === 0 ? '-' : `${value} ms`
const span = (length: number): string => {
  const seconds = Math.max(0, Math.round(length / 1_000))
  return seconds < 120 ? `${seconds} s` : seconds < 7_200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3_600)} h`
}

function complain(reason: string): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return 1
}
