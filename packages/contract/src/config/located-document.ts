import { isAlias, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
import { failure, success, type Result } from '../errors.ts'
import type { ConfigError } from './config-error.ts'
import { interpolate, type InterpolationSource } from './interpolate.ts'

export type Path = readonly (string | number)[]

/** A parsed and interpolated YAML document that still knows where everything stood. */
export interface LocatedDocument {
  /** Plain data: maps, lists, strings, numbers, booleans, null. */
  readonly value: unknown
  /** An error at the value of `path`; at its nearest ancestor where it is absent. `at: 'key'` points at the key instead. */
  errorAt(path: Path, message: string, at?: 'key' | 'value'): ConfigError
  /** The string at `path` was put together from the environment or a file. */
  interpolated(path: Path): boolean
}

/**
 * Parses one YAML 1.2 document (core schema: no dates, no `yes`/`no`, no merge keys; JSON is YAML).
 * References are replaced in scalar values after parsing, so that no value can add structure.
 */
export function parseLocated(text: string, source: InterpolationSource): Result<LocatedDocument, ConfigError[]> {
  const counter = new LineCounter()
  const document = parseDocument(text, { lineCounter: counter, version: '1.2', schema: 'core', uniqueKeys: true, prettyErrors: false, stringKeys: true })
  const at = (offset: number, message: string, path: Path): ConfigError => {
    const { line, col } = counter.linePos(offset)
    return { message, line, column: col, path: path.join('.') }
  }
  const problems = [...document.errors, ...document.warnings].map(problem => at(problem.pos[0], syntaxMessage(problem.code, problem.message), []))
  if (problems.length > 0) return failure(problems)

  const touched = new Set<Node>()
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return
      const result = interpolate(node.value, source)
      if (result.ok) { node.value = result.value; touched.add(node) } else problems.push(at(node.range?.[0] ?? 0, result.error, pathOf(ancestors, key)))
    },
  })
  if (problems.length > 0) return failure(problems)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch {
    return failure([at(0, 'too many aliases: write the repeated part out', [])])
  }
  return success({
    value,
    errorAt: (path, message, where = 'value') => at(offsetOf(document, path, where), message, path),
    interpolated: path => { const node = document.getIn(path, true); return isNode(node) && touched.has(node) },
  })
}

function pathOf(ancestors: readonly unknown[], key: number | string | null): Path {
  const path: (string | number)[] = []
  ancestors.forEach((ancestor, index) => {
    if (isPair(ancestor) && isScalar(ancestor.key)) path.push(String(ancestor.key.value))
    else if (isSeq(ancestor)) path.push(index + 1 < ancestors.length ? ancestor.items.indexOf(ancestors[index + 1]) : Number(key))
  })
  return path
}

/** Offset of the node at `path`, or of the deepest thing on the way that exists. */
function offsetOf(document: Document, path: Path, where: 'key' | 'value'): number {
  let node: unknown = document.contents
  let offset = isNode(node) ? node.range?.[0] ?? 0 : 0
  for (const [depth, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(item => isScalar(item.key) && String(item.key.value) === String(step))
      if (pair === undefined || !isNode(pair.key)) return offset
      offset = pair.key.range?.[0] ?? offset
      if (where === 'key' && depth === path.length - 1) return offset
      node = pair.value
      // An empty value has a range too, but a place that nobody would look at.
      if (isScalar(node) && node.value === null && node.source === '') return offset
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
    } else {
      return offset
    }
    if (isNode(node)) offset = node.range?.[0] ?? offset
  }
  return offset
}

function syntaxMessage(code: string, message: string): string {
  switch (code) {
    case 'DUPLICATE_KEY': return 'this key stands here twice: keep one of them'
    case 'TAB_AS_INDENT': return 'a tab cannot indent YAML: use spaces'
    case 'MULTIPLE_DOCS': return 'there is a second document (`---`): one file holds one configuration'
    default: return `not valid YAML: ${message.split('\n')[0] ?? ''}`
  }
}
