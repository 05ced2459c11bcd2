/** The ports' implementations. Conformance suites: `@headrace/stores/suites`. */
export { MemoryKeyStore } from './memory/key-store.ts'
export { MemoryLogStore } from './memory/log-store.ts'
export { SqliteKeyStore } from './sqlite/key-store.ts'
export { SqliteLogStore } from './sqlite/log-store.ts'
export { readLogs } from './sqlite/query-calls.ts'
export { startLogWriter, type LogWriter, type LogWriterOptions } from './log-writer/log-writer.ts'
export { RateWindow } from './metrics/rate-window.ts'
export { renderPrometheus } from './metrics/render-prometheus.ts'
