import type { FromControl } from '@headrace/contract'

/** Tells the supervisor. Without one nobody is to be told: `disconnect` ends this process. */
export function tell(message: FromControl): void {
  if (process.connected) process.send?.(message, () => {})
}

/** For people: the supervisor's standard error is ours. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** Tells the supervisor why this process cannot go on, and ends it. */
export function fatal(reason: string): void {
  const message: FromControl = { type: 'fatal', reason }
  if (process.connected) process.send?.(message, () => process.exit(1))
  else process.exit(1)
}
