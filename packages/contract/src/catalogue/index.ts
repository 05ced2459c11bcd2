/** What is known of models before anything is configured: generated data and its reader. Loaded by whoever compiles configuration, never by a worker. */
export { MAX_CATALOGUE_BYTES, originOf, parseCatalogue, renderCatalogue } from './catalogue-text.ts'
export { CATALOGUE_FILE, PREVIOUS_CATALOGUE_FILE, readCatalogue, type ReadCatalogue } from './read-catalogue.ts'
