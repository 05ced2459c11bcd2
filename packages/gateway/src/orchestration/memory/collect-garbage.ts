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

/** Bytes of all long answers after which their reads are collected. */
const COLLECT_BYTES = 2 * 2 ** 20
let uncollected = 0

/**
 * Takes notice of so many bytes of a long answer that have gone by. They are young garbage, of which V8 lets tens of MiB lie about before it looks: an answer of 61 MiB (2,048
 * embeddings) took up to 34 MiB of memory so (`test/deep/embeddings-memory.deep.ts`).
 */
export function collectBehind(bytes: number): void {
  uncollected += bytes
  if (uncollected < COLLECT_BYTES) return
  uncollected = 0
  collectYoung()
}
