const MAX_DEPTH = 8

/** A small value that fits the common part of a JSON Schema: types, properties, enum, const, items, references, the first of alternatives. Anything else becomes `{}`. */
export function sampleFromSchema(schema: unknown, depth = 0, root = schema): unknown {
  if (typeof schema !== 'object' || schema === null || depth > MAX_DEPTH) return {}
  const record = schema as Readonly<Record<string, unknown>> // any object may be read by key
  if ('const' in record) return record['const']
  if (typeof record['$ref'] === 'string') return sampleFromSchema(resolve(root, record['$ref']), depth + 1, root)
  const alternatives = record['anyOf'] ?? record['oneOf']
  if (Array.isArray(alternatives)) return sampleFromSchema(alternatives[0], depth + 1, root)
  const options = record['enum']
  if (Array.isArray(options) && options.length > 0) return options[0] as unknown
  const type = Array.isArray(record['type']) ? record['type'][0] as unknown : record['type']
  switch (type) {
    case 'string': return 'sample'
    case 'number':
    case 'integer': return typeof record['minimum'] === 'number' ? record['minimum'] : 1
    case 'boolean': return true
    case 'null': return null
    case 'array': return record['items'] === undefined ? [] : [sampleFromSchema(record['items'], depth + 1, root)]
    default: return sampleObject(record['properties'], depth, root)
  }
}

function sampleObject(properties: unknown, depth: number, root: unknown): Record<string, unknown> {
  if (typeof properties !== 'object' || properties === null) return {}
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, sampleFromSchema(schema, depth + 1, root)]))
}

/** A reference within the schema: `#/$defs/name`. */
function resolve(root: unknown, reference: string): unknown {
  let at = root
  for (const name of reference.split('/').slice(1)) at = typeof at === 'object' && at !== null ? (at as Readonly<Record<string, unknown>>)[name] : undefined
  return at
}
