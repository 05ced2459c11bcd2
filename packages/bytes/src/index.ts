/** Leaf functions over bytes. Imports nothing of ours. */
export * from './log-histogram.ts'
export * from './process-identity.ts'
export * from './segment.ts'
export * from './digest.ts'
export * from './json-scan.ts'
export * from './sse.ts'
export * from './token-estimate.ts'
