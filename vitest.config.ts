import { defineConfig } from 'vitest/config'

import { FlakyTestsReporter } from './test/harness/flaky-tests-reporter.ts'

const deep = process.env.HEADRACE_TESTS === 'deep'
/** Where the counts go, for who started the run. */
const report = process.env.HEADRACE_TEST_REPORT

export default defineConfig({
  test: {
    setupFiles: ['test/harness/fast-check-seed.ts'],
    include: deep ? ['test/deep/**/*.deep.ts'] : ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'tools/**/*.test.ts'],
    // Processes, not threads: tests send signals, start servers and read process-wide state. Two, because CI machines have two cores.
    pool: 'forks',
    maxWorkers: 2,
    // A machine that others load may lose one race in 6,000 tests: in CI it is named as loudly as a failure, and does not hold the change up.
    retry: process.env.CI === undefined ? 0 : 1,
    reporters: ['default', new FlakyTestsReporter(), ...(report === undefined ? [] : [['json', { outputFile: report }] as const])],
    testTimeout: deep ? 300_000 : 20_000,
    hookTimeout: 30_000,
    passWithNoTests: deep,
  },
})
