/** From `headrace.yaml` to a `ResolvedConfig`. Loads zod and yaml: for whoever compiles configuration, never for the hot path. */
export { formatConfigErrors, type ConfigError } from './config-error.ts'
export { configJsonSchema } from './json-schema.ts'
export { loadConfig, type LoadedConfig, type LoadOptions } from './load-config.ts'
