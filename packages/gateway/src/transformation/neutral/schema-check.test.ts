import { describe, expect, it } from 'vitest'
import { checkSchema } from './schema-check.ts'

const PERSON = { type: 'object', properties: { name: { type: 'string', minLength: 1 }, age: { type: 'integer', minimum: 0 } }, required: ['name'], additionalProperties: false }
const TREE = { $ref: '#/$defs/node', $defs: { node: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/$defs/node' } } }, required: ['children'] } } }

describe('a JSON value and a schema', () => {
  it.each<[unknown, unknown]>([
    [{ name: 'a', age: 3 }, PERSON], [{ name: 'a' }, PERSON], [3, { type: 'integer' }], [3, { type: ['string', 'number'] }], [null, { type: ['string', 'null'] }], ['b', { enum: ['a', 'b'] }],
    [{ a: 1 }, { const: { a: 1 } }], [[1, 2], { items: { type: 'number' }, maxItems: 2 }], [1, { anyOf: [{ type: 'string' }, { type: 'number' }] }], [0.3, { multipleOf: 0.1 }],
    [{ children: [{ children: [] }] }, TREE], ['x'.repeat(50), { pattern: '^(a+)+$' }], [1, { $ref: '#/nowhere' }], [1, { $ref: 'https://x.test/s.json' }], ['🚀', { maxLength: 1 }], [1, true], [{ x: 1 }, {}],
    [['a', 1], { prefixItems: [{ type: 'string' }], items: { type: 'number' } }], [{ 'x-1': 1 }, { patternProperties: { '^x-': {} }, additionalProperties: false }],
  ])('%j fits %j', (value, schema) => { expect(checkSchema(value, schema)).toBeNull() })

  it.each<[unknown, unknown, string]>([
    [{ age: 3 }, PERSON, 'answer.name is missing'], [{ name: 'a', age: 1.5 }, PERSON, 'answer.age must be of type integer, and is number'], [{ name: '' }, PERSON, 'the length of answer.name must be at least 1'],
    [{ name: 'a', x: 1 }, PERSON, 'answer.x is not allowed'], [{ name: 'a', age: -1 }, PERSON, 'answer.age must be at least 0'], [[], PERSON, 'answer must be of type object, and is array'],
    ['c', { enum: ['a', 'b'] }, 'answer is none of the values that are allowed'], [2, { const: 1 }, 'answer is not the value that is wanted'], [[1, 'x'], { items: { type: 'number' } }, 'answer[1] must be of type number, and is string'],
    [true, { anyOf: [{ type: 'string' }, { type: 'number' }] }, 'answer fits none of the alternatives'], [1, { oneOf: [{ type: 'number' }, { minimum: 0 }] }, 'answer does not fit exactly one of the alternatives'],
    [1, { not: { type: 'number' } }, 'answer fits what it must not fit'], [{ children: [{}] }, TREE, 'answer.children[0].children is missing'], [[1, 1], { uniqueItems: true }, 'answer holds an element twice'],
    [1, { exclusiveMinimum: 1 }, 'answer must be more than 1'], [5, { allOf: [{ maximum: 4 }] }, 'answer must be at most 4'], [1, false, 'answer is not allowed'], [{ constructor: 1 }, { ...PERSON, required: [] }, 'answer.constructor is not allowed'],
  ])('%j does not fit %j: %s', (value, schema, problem) => { expect(checkSchema(value, schema)).toBe(problem) })

  it('that refers to itself without end, or grows with every step, is not judged, and soon', () => {
    expect(checkSchema(1, { $ref: '#' })).toBeNull()
    expect(checkSchema(1, { anyOf: Array.from({ length: 10 }, () => ({ $ref: '#' })) })).not.toBe('')
  })
})
