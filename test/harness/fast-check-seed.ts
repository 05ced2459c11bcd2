import fc from 'fast-check'

/**
 * Properties run on one known seed, so that a change is judged by what it changed; `HEADRACE_TEST_SEED=N` looks elsewhere.
 * A failure found so becomes an example of its property.
 */
fc.configureGlobal({ seed: Number(process.env['HEADRACE_TEST_SEED'] ?? 20_261_125) })
