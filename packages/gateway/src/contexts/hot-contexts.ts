import type { ContextPlace } from '@headrace/contract'
import { NOTHING, type Rendering } from './runs.ts'

/** A context up to a place, ready to be said. It may be old, never wrong: what came since is asked for. */
export interface HotContext {
  readonly place: ContextPlace
  readonly rendering: Rendering
}

export const COLD: HotContext = Object.freeze({ place: Object.freeze({ seq: 0, head: '' }), rendering: NOTHING })
