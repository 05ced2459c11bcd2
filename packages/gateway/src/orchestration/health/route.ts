import type { Plan } from '@headrace/contract'
import { asciiJson } from '../model-name.ts'

/** Steps told of one request; what came between is counted. */
const MAX_STEPS = 16

export const FIRST_IN_ORDER = 'the first in order'

type Did = 'chosen' | 'skipped' | 'left' | 'waited' | 'hedged' | 'limited'

/**
 * One request's way through its plan: what was tried, and why each target was chosen, skipped or left. Made when there is something to tell:
 * the request asks for it, a target fails, or something is out.
 */
export class Route {
  readonly plan: Plan
  readonly #tried: Uint8Array
  readonly #steps: string[] = []
  #untold = 0

  constructor(plan: Plan) {
    this.plan = plan
    this.#tried = new Uint8Array(plan.targets.length)
  }

  isTried(index: number): boolean {
    return this.#tried[index] !== 0
  }

  markTried(index: number): void {
    this.#tried[index] = 1
  }

  /** The target itself failed: its other credentials lead to the same place. */
  markTargetTried(name: string): void {
    this.plan.targets.forEach((target, index) => { if (target.name === name) this.#tried[index] = 1 })
  }

  /** `index` -1 = no target in particular. */
  tell(index: number, did: Did, why: string): void {
    const target = this.plan.targets[index]
    if (this.#steps.length >= MAX_STEPS) {
      this.#untold++
      return
    }
    const where = target === undefined ? '' : `"target":${asciiJson(target.name)},${target.credentialId === null ? '' : `"credential":${asciiJson(target.credentialId)},`}`
    this.#steps.push(`{${where}"did":"${did}","why":${asciiJson(why)}}`)
  }

  /** A JSON array in ASCII, bounded. */
  text(): string {
    return `[${this.#steps.join(',')}${this.#untold === 0 ? '' : `,{"did":"more","why":"${this.#untold} further steps"}`}]`
  }
}
