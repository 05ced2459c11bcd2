import { describe, expect, it } from 'vitest'
import { fitFormat, fitSchema } from './fit-schema.ts'

const closed = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'], additionalProperties: false }
const fitted = (schema: object): unknown => {
  const result = fitSchema(JSON.stringify(schema))
  return result === null ? null : JSON.parse(result.schema)
}

describe('a schema for structured outputs that are told little', () => {
  it('keeps its text where nothing has to change', () => {
    for (const text of ['{ "type":"object","properties":{"z":{"type":"number","default":1.0},"a":{"enum":["x"]}}, "additionalProperties":false }', JSON.stringify(closed), '{"type":"array","minItems":1,"items":{"type":"string","format":"date"}}']) {
      expect(fitSchema(text)).toEqual({ schema: text, how: '' })
    }
  })

  it.each<[string, object, object]>([
    ['open objects are closed, however deep', { type: 'object', properties: { b: { type: 'object', properties: {} } } }, { type: 'object', properties: { b: { type: 'object', properties: {}, additionalProperties: false } }, additionalProperties: false }],
    ['rules that it lacks are told in words', { type: 'integer', minimum: 1, description: 'How many.' }, { type: 'integer', description: 'How many.\n\n{minimum: 1}' }],
    ['formats and lengths too', { type: 'array', minItems: 2, items: { type: 'string', format: 'color', pattern: '^#' } }, { type: 'array', items: { type: 'string', description: '{format: "color", pattern: "^#"}' }, description: '{minItems: 2}' }],
    ['one of is any of', { oneOf: [{ type: 'string' }, { type: 'null' }] }, { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    ['definitions are gone through', { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: {} } } }, { $ref: '#/$defs/a', $defs: { a: { type: 'object', properties: {}, additionalProperties: false } } }],
  ])('%s', (_name, schema, expected) => {
    expect(fitted(schema)).toEqual(expected)
  })

  it.each<[string, object]>([
    ['a map', { type: 'object', additionalProperties: { type: 'number' } }], ['any object', { type: 'object' }], ['an object open by intent', { ...closed, additionalProperties: true }],
    ['a rule that forbids', { not: { type: 'string' } }], ['names by pattern', { type: 'object', patternProperties: { '^a': {} } }], ['one of these deep inside', { type: 'array', items: { anyOf: [{ type: 'object' }] } }],
    ['what is nested without end', Array.from({ length: 99 }).reduce<object>(inner => ({ type: 'array', items: inner }), { type: 'string' })],
  ])('%s cannot be said', (_name, schema) => {
    expect(fitSchema(JSON.stringify(schema))).toBeNull()
  })

  it('is no JSON without a schema, and no broken one', () => {
    expect(fitFormat({ type: 'json' })).toBeNull()
    expect(fitSchema('{')).toBeNull()
    expect(fitFormat({ type: 'text' })).toEqual({ format: { type: 'text' }, how: '' })
  })
})
