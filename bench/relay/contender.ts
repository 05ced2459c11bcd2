import type { Traffic } from './traffic.ts'

/** A gateway under test, running on its own core. */
export interface Contender {
  readonly name: string
  port(traffic: Traffic): number
  /** The processes that relay traffic; their CPU is what a figure counts. */
  workers(): readonly number[]
  /** Every process that it consists of. */
  all(): readonly number[]
  stop(): Promise<void>
}
