const MAX_DEPTH = 8

/** A small value that fits the common part of a JSON Schema: types, properties, enum, const, items. Anything else becomes `{}`. */
export function sampleFromSchema(schema: unknown, depth = 0): unknown {
  if (typeof schema !== 'object' || schema === null || depth > MAX_DEPTH) return {}
  const record = schema as Readonly<Record<string, unknown>> // any object may be read by key
  if ('const' in record) return record['const']
  const options = record['enum']
  if (Array.isArray(options) && options.length > 0) return options[0] as unknown
  const type = Array.isArray(record['type']) ? record['type'][0] as unknown : record['type']
  switch (type) {
    case 'string': return 'sample'
    case 'number':
    case 'integer': return typeof record['minimum'] === 'number' ? record['minimum'] : 1
    case 'boolean': return true
    case 'null': return null
    case 'array': return record['items'] === undefined ? [] : [sampleFromSchema(record['items'], depth + 1)]
    default: return sampleObject(record['properties'], depth)
  }
}

function sampleObject(properties: unknown, depth: number): Record<string, unknown> {
  if (typeof properties !== 'object' || properties === null) return {}
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, sampleFromSchema(schema, depth + 1)]))
}
