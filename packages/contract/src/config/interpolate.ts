import { failure, success, type Result } from '../errors.ts'

/** Where references take their values from. */
export interface InterpolationSource {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Text of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string
}

/** A secret file larger than this is a mistake, characters. */
const MAX_FILE_LENGTH = 65_536
const REFERENCE = /\$\$\{|\$\{([^}]*)\}?/g
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/

/**
 * Replaces `${NAME}`, `${NAME:-default}` and `${file:/path}` in one string; `$${` stands for a literal `${`.
 * Values are inserted as they are: never read as YAML, never searched for further references. An empty variable counts as set;
 * with `:-` an empty one takes the default. One trailing line end of a file is dropped.
 */
export function interpolate(text: string, source: InterpolationSource): Result<string, string> {
  if (!text.includes('${')) return success(text)
  let error: string | null = null
  const value = text.replace(REFERENCE, (whole: string, inner: string | undefined) => {
    if (inner === undefined) return '${'
    const resolved: Result<string, string> = whole.endsWith('}') ? resolve(inner, source) : failure(`\`\${${inner.slice(0, 40)}\` is not closed: add \`}\`, or write \`$\${\` for a literal \`\${\``)
    if (resolved.ok) return resolved.value
    error ??= resolved.error
    return ''
  })
  return error === null ? success(value) : failure(error)
}

function resolve(inner: string, source: InterpolationSource): Result<string, string> {
  if (inner.startsWith('file:')) return readSecretFile(inner.slice('file:'.length), source)
  const match = VARIABLE.exec(inner)
  const name = match?.[1]
  if (name === undefined) return failure(`\`\${${inner.slice(0, 40)}}\` is no reference: write \`\${NAME}\`, \`\${NAME:-default}\` or \`\${file:/path}\``)
  const value = Object.hasOwn(source.env, name) ? source.env[name] : undefined
  const fallback = match?.[2]
  if (fallback !== undefined) return success(value === undefined || value === '' ? fallback : value)
  if (value === undefined) return failure(`environment variable \`${name}\` is not set: set it, or give a default with \`\${${name}:-default}\``)
  return success(value)
}

function readSecretFile(path: string, source: InterpolationSource): Result<string, string> {
  try {
    const text = source.readFile(path)
    if (text.length > MAX_FILE_LENGTH) return failure(`file \`${path}\` is larger than ${MAX_FILE_LENGTH} characters: that is no secret`)
    return success(text.replace(/\r?\n$/, ''))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    return failure(`file \`${path}\` cannot be read (${code}): check that it exists and that Headrace may read it`)
  }
}
