/** One thing wrong with a configuration. */
export interface ConfigError {
  /** What is wrong and what to do. Never holds a secret's value. */
  readonly message: string
  /** From 1; 0 = not at a place in the file (the environment, the file as a whole). */
  readonly line: number
  readonly column: number
  /** Where in the document, dotted: `providers.openai.base_url`; '' = the whole. */
  readonly path: string
}

/** Errors shown at most; a broken file can have thousands that say the same. */
const SHOWN = 20

/**
 * Renders errors for people: `file:line:col: message`, the line of the file, and a caret under the place.
 * Lines that seem to hold a secret (`key:`, `credentials`, `value:`) are not echoed: a terminal's output gets pasted into tickets.
 */
export function formatConfigErrors(errors: readonly ConfigError[], path: string | null, text: string | null): string {
  const lines = text === null ? [] : text.split(/\r\n|\n|\r/)
  const shown = errors.slice(0, SHOWN).map(error => formatOne(error, path ?? 'headrace.yaml', lines))
  if (errors.length > SHOWN) shown.push(`... and ${errors.length - SHOWN} more`)
  return shown.join('\n')
}

function formatOne(error: ConfigError, path: string, lines: readonly string[]): string {
  if (error.line === 0) return `${path}: ${error.message}`
  const head = `${path}:${error.line}:${error.column}: ${error.message}`
  const line = lines[error.line - 1]
  if (line === undefined || holdsSecret(error, line)) return head
  const start = Math.max(0, error.column - 60)
  const echo = line.slice(start, start + 100).replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, ' ')
  return `${head}\n    ${echo}\n    ${' '.repeat(error.column - 1 - start)}^`
}

function holdsSecret(error: ConfigError, line: string): boolean {
  return /(^|\.)(credentials|key|digest|headers)(\.|$)/.test(error.path) || /\b(credentials|key|value|digest)\b["']?\s*:/i.test(line)
}
