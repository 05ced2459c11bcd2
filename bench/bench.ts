/** What the command line asked of a bench. */
export interface BenchOptions {
  /** Interleaved rounds per comparison; medians are taken over them. */
  readonly rounds: number
  /** Seconds of load per contender and round. */
  readonly seconds: number
  /** Figures wanted; empty = all. */
  readonly only: readonly string[]
  /** Folder for CPU profiles of the gateway worker; null = none. */
  readonly cpuProf: string | null
  /** What stands behind the bench's name: `against` takes the folder of another checkout. */
  readonly operand: string | null
  /** Prints for people. */
  readonly say: (line: string) => void
}

/** Ratios and sizes, smaller is better unless the target says `atLeast`. A wanted figure that is missing fails the bench. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number>>
  readonly targets: Readonly<Record<string, number>>
  readonly atLeast: ReadonlySet<string>
  /** The yardstick itself was off: nothing above counts. */
  readonly voidReason: string | null
}

/** One question, answered with numbers. */
export interface Bench {
  readonly name: string
  readonly question: string
  run(options: BenchOptions): Promise<BenchResult>
}

/** Whether every target is met by a figure. */
export function passes(result: BenchResult): boolean {
  if (result.voidReason !== null) return false
  return Object.entries(result.targets).every(([name, target]) => {
    const figure = result.figures[name]
    if (figure === undefined) return false
    return result.atLeast.has(name) ? figure >= target : figure <= target
  })
}
