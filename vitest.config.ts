import { defineConfig } from 'vitest/config'

const deep = process.env.HEADRACE_TESTS === 'deep'

export default defineConfig({
  test: {
    setupFiles: ['test/harness/fast-check-seed.ts'],
    include: deep ? ['test/deep/**/*.deep.ts'] : ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'tools/**/*.test.ts'],
    // Processes, not threads: tests send signals, start servers and read process-wide state. Two, because CI machines have two cores.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: deep ? 300_000 : 20_000,
    hookTimeout: 30_000,
    passWithNoTests: deep,
  },
})
