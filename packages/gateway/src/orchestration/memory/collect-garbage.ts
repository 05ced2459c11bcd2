import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

type Collect = (options?: { readonly type: 'minor' }) => void

let collect: Collect | null = null

function collector(): Collect {
  if (collect !== null) return collect
  setFlagsFromString('--expose-gc')
  collect = runInNewContext('gc') as Collect // what the flag puts there
  return collect
}

/** A full collection, now: tens of milliseconds. V8 puts it off while there is room for more, and knows nothing of a control group's limit. */
export function collectGarbage(): void {
  collector()()
}

/** Collects what is young, now: about a millisecond. */
export function collectYoung(): void {
  collector()({ type: 'minor' })
}
