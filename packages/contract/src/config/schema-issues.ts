import type { z } from 'zod'
import type { ConfigError } from './config-error.ts'
import type { LocatedDocument, Path } from './located-document.ts'

type Issue = z.core.$ZodIssue

/** Turns what the schema found into errors at places in the file. */
export function locateIssues(issues: readonly Issue[], document: LocatedDocument): ConfigError[] {
  return issues.flatMap(issue => locate(issue, [], document))
}

function locate(issue: Issue, prefix: Path, document: LocatedDocument): ConfigError[] {
  const path = [...prefix, ...issue.path.map(step => typeof step === 'symbol' ? String(step) : step)]
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, index) => document.errorAt([...path, key], messages[index] ?? issue.message, 'key'))
  }
  if (issue.code === 'invalid_key') return [document.errorAt(path, issue.issues[0]?.message ?? issue.message, 'key')]
  if (issue.code === 'invalid_union') {
    // The branch of the right type knows better what is wrong than the union does.
    const branch = issue.errors.find(errors => errors.length > 0 && errors.every(error => error.path.length > 0 || error.code !== 'invalid_type' && error.code !== 'invalid_union'))
      ?? issue.errors.find(errors => errors.some(error => error.code === 'invalid_union' && error.errors.length > 0 && knowsBetter(error)))
    if (branch !== undefined && branch.length > 0) return branch.flatMap(error => locate(error, path, document))
  }
  const missing = issue.code === 'invalid_type' && issue.input === undefined && path.length > 0 && !present(document.value, path)
  return [document.errorAt(path, missing ? `\`${String(path.at(-1))}\` is missing: ${issue.message}` : issue.message)]
}

function knowsBetter(issue: Issue): boolean {
  return issue.code === 'invalid_union' && issue.errors.some(errors => errors.every(error => error.path.length > 0 || error.code !== 'invalid_type'))
}

function present(value: unknown, path: Path): boolean {
  let current = value
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return false
    current = (current as Record<string | number, unknown>)[step]
  }
  return true
}
