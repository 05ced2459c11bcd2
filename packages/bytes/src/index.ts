/** Leaf functions over bytes. Imports nothing of ours. */
export * from './log-histogram.ts'
export * from './process-identity.ts'
export * from './segment.ts'
