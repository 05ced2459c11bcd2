import { budgetPart, dollars, type BudgetsToAuthority, type ResolvedConfig } from '@headrace/contract'
import { budgetsForAuthority, budgetUse } from './budget-use.ts'

export interface BudgetWatchOptions {
  /** Path of the ledger. */
  readonly ledger: string
  readonly wall: () => number
  /** Resolves when everything is in the ledger that the workers have written. */
  readonly caughtUp: () => Promise<void>
  /** Tells the lease authority what was spent. */
  readonly tell: (budgets: BudgetsToAuthority) => void
  /** Tells people that a budget is nearly, or wholly, used. */
  readonly warn: (warning: string) => void
  readonly settlementMs?: number
}

/** People are told at these shares of a budget, once per window each. */
const SHARES = [0.8, 1] as const
/** So much later than a call's end its settlement is written, at most, ms: it waits for company. */
const SETTLEMENT_MS = 200
/** Warnings remembered; beyond it they may be told again. */
const MAX_TOLD = 10_000

/**
 * The budgets as control sees them: tells the lease authority what the ledger knows as soon as the ledger knows all, again with every configuration (a budget
 * that is new begins with what was spent already), and people what is nearly used up.
 */
export class BudgetWatch {
  readonly #options: BudgetWatchOptions
  #config: ResolvedConfig | null = null
  #recovered = false
  #told = new Set<string>()

  constructor(options: BudgetWatchOptions) {
    this.#options = options
  }

  adopt(config: ResolvedConfig): void {
    this.#config = config
    // A budget that is new to the authority lets nobody in until it hears; it is to hear of calls that have just ended too.
    setTimeout(() => void this.#options.caughtUp().then(() => this.#tell()), this.#options.settlementMs ?? SETTLEMENT_MS).unref()
  }

  /** Everything that an earlier run left behind is in the ledger. */
  recovered(): void {
    this.#recovered = true
    this.#tell()
  }

  /** Call it every few seconds. */
  look(): void {
    const rules = this.#config?.budgets ?? []
    if (rules.length === 0 || !this.#recovered) return
    const { ledger, wall, warn } = this.#options
    if (this.#told.size > MAX_TOLD) this.#told = new Set()
    for (const { rule, tenant, values, spent } of budgetUse(rules, ledger, wall())) {
      const share = SHARES.findLast(least => spent >= rule.amount * least)
      if (share === undefined) continue
      const key = JSON.stringify([rule.name, rule.amount, tenant, values, share, budgetPart(rule.window, wall()).from])
      if (this.#told.has(key)) continue
      this.#told.add(key)
      warn(`Budget \`${rule.name}\` of ${values.join(', ')}: ${dollars(spent)} of ${dollars(rule.amount)} is spent (${Math.floor(spent / rule.amount * 100)} %)${rule.mode === 'hard' ? '; calls that no longer fit are refused' : ''}.`)
    }
  }

  #tell(): void {
    if (this.#config === null || !this.#recovered) return
    const budgets = budgetsForAuthority(this.#config, this.#options.ledger, this.#options.wall())
    if (budgets !== null) this.#options.tell(budgets)
  }
}
