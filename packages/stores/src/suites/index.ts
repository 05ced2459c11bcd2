/** Conformance suites: each implementation of a port runs the port's suite. */
export { contextStoreSuite } from './context-store-suite.ts'
export { idempotencyStoreSuite } from './idempotency-store-suite.ts'
export { keyStoreSuite } from './key-store-suite.ts'
export { ledgerStoreSuite, sampleEntry } from './ledger-store-suite.ts'
export { logStoreSuite } from './log-store-suite.ts'
export { sampleRecord } from './sample-record.ts'
