import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configJsonSchema } from './json-schema.ts'

test('the published schema is up to date with the one that the file is checked by', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('../../headrace.schema.json', import.meta.url), 'utf8'))
  expect(published).toEqual(JSON.parse(JSON.stringify(configJsonSchema())))
})
