/** Headrace for TypeScript. */
export {
  Contexts, HeadraceError, StaleContextError,
  type Condition, type ContextEvent, type ContextFacts, type ContextItems, type ContextMessage, type ContextNote, type ContextPlace, type ContextsOptions, type ContextState,
} from './contexts.ts'
export { deltaFetch, type DeltaFetchOptions } from './delta-fetch.ts'
