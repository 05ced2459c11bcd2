import fc from 'fast-check'
import { expect, it } from 'vitest'
import { minifyJson } from './minify-json.ts'

it.each([
  ['{ "b" : 1.0 ,\n\t"a":[ 1e400, "x  y\\" z " ] }', '{"b":1.0,"a":[1e400,"x  y\\" z "]}'],
  ['{"a":1}', '{"a":1}'],
  ['not  json', 'not  json'],
  ['{"a": 1', '{"a": 1'],
  ['  ', '  '],
])('%s -> %s', (text, minified) => {
  expect(minifyJson(text)).toBe(minified)
})

it('takes away what a pretty printer added, and nothing else', () => {
  fc.assert(fc.property(fc.jsonValue(), value => {
    expect(minifyJson(JSON.stringify(value, null, 2))).toBe(JSON.stringify(value))
  }))
})
