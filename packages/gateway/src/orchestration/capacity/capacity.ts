import type { CapacityRule, Exchange, MetricsState, Target } from '@headrace/contract'
import type { LeaseDesk } from '../limits/lease-desk.ts'
import { EngineGate, type GateOptions } from './engine-gate.ts'
import { SlotSupply } from './supply.ts'
import type { Turn, TurnHolder } from './turn.ts'

export interface CapacityOptions extends GateOptions {
  readonly wall: () => number
  readonly desk: LeaseDesk
}

/** The gates of all engines whose capacity is configured. One per worker; a target without a capacity never comes here. */
export class Capacity {
  readonly #options: CapacityOptions
  readonly #gates = new Map<string, EngineGate>()
  #version = 0

  constructor(options: CapacityOptions) {
    this.#options = options
  }

  /** Takes over another configuration. Whoever waits keeps waiting, under the new terms. */
  adopt(rules: readonly CapacityRule[], version: number): void {
    this.#version = version
    const names = new Set(rules.map(rule => rule.name))
    for (const rule of rules) this.#gates.get(rule.name)?.adopt(rule, version)
    for (const [name, gate] of this.#gates) if (!names.has(name) && gate.idle) this.#gates.delete(name)
  }

  /** A place at the engine of `target`, whose rule is given: at once (`held`), later (`holder` hears of it), or never (`refusal`). Every turn must come to its `end`. */
  take(rule: CapacityRule, target: Target, x: Exchange, holder: TurnHolder): Turn {
    return this.#gate(rule).enter(target, x, holder)
  }

  /** A place at once, or null. */
  takeNow(rule: CapacityRule, target: Target, x: Exchange): Turn | null {
    return this.#gate(rule).enterNow(target, x)
  }

  /** Adds the queues' series to a worker's metrics. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#gates.size === 0) return metrics
    const counters: Record<string, number> = { ...metrics.counters }
    const gauges: Record<string, number> = { ...metrics.gauges }
    const histograms: Record<string, MetricsState['histograms'][string]> = { ...metrics.histograms }
    for (const gate of this.#gates.values()) {
      const engine = `engine="${gate.name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
      gauges[`headrace_queue_depth{${engine}}`] = gate.waiting
      gauges[`headrace_queue_standing{${engine}}`] = Number(gate.stands)
      gauges[`headrace_engine_in_use{${engine}}`] = gate.inUse
      for (const [reason, count] of gate.shed) counters[`headrace_queue_shed_total{${engine},reason="${reason}"}`] = count
      if (gate.waits.count > 0) histograms[`headrace_queue_wait_seconds{${engine}}`] = { buckets: gate.waits.filled(), sum: gate.waits.sum, count: gate.waits.count }
    }
    return { counters, gauges, histograms }
  }

  #gate(rule: CapacityRule): EngineGate {
    let gate = this.#gates.get(rule.name)
    if (gate === undefined) {
      const { desk, wall } = this.#options
      this.#gates.set(rule.name, gate = new EngineGate(rule, new SlotSupply(desk, wall, rule, this.#version), this.#options))
    }
    return gate
  }
}
