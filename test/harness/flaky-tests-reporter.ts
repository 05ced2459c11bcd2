import type { Reporter, TestCase } from 'vitest/node'

/** Names at the end of a run, as loud as a failure, the tests that passed only at the second try (CI grants one): each is a fault to be mended, of the test or of what it tests. */
export class FlakyTestsReporter implements Reporter {
  readonly #flaky: string[] = []

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky === true) this.#flaky.push(`${test.module.relativeModuleId}: ${test.fullName}\n    ${test.result().errors?.[0]?.message.split('\n', 1)[0] ?? ''}`)
  }

  onTestRunEnd(): void {
    if (this.#flaky.length > 0) console.log(`\nFLAKY, mend these (they failed, then passed):\n${this.#flaky.map(name => `  ${name}\n`).join('')}`)
  }
}
