import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JsonView } from './json-view.ts'
import { RawJson, utf8AsLatin1, writeJson } from './json-write.ts'

const view = (text: string): JsonView => {
  const value = JsonView.parse(text)
  if (value === null) throw new Error(`not JSON: ${text}`)
  return value
}

function rebuild(value: JsonView): unknown {
  switch (value.kind) {
    case 'object': {
      const entries = [...value.members()].map(([name, member]) => [name, rebuild(member)] as const)
      return Object.fromEntries(entries)
    }
    case 'array': return value.elements().map(rebuild)
    case 'string': return value.string
    case 'number': return value.number
    case 'absent': throw new Error('absent')
    case 'null': return null
    default: return value.boolean
  }
}

it('reads what JSON.parse reads, whatever the spacing', () => {
  fc.assert(fc.property(fc.json({ maxDepth: 5 }), fc.constantFrom(0, 1, 3, '\t\r\n'), (text, indent) => {
    const parsed: unknown = JSON.parse(text)
    expect(rebuild(view(JSON.stringify(parsed, null, indent)))).toEqual(parsed)
  }))
})

it('keeps key order and number lexemes of what is only carried', () => {
  const text = '{ "b":1, "input" : {"2":1e400,"1":12345678901234567890, "a":-0.0} ,"b":2}'
  expect(view(text).get('input').raw).toBe('{"2":1e400,"1":12345678901234567890, "a":-0.0}')
  expect(view(text).get('b').number).toBe(2)
  expect(view(text).get('c').get('d').kind).toBe('absent')
  expect([...view(text).members().keys()]).toEqual(['b', 'input'])
})

it('says no to what is not JSON', () => {
  for (const text of ['', '{', '{"a":}', '[1,]', 'nul', '{} x']) expect(JsonView.parse(text)).toBeNull()
})

it('writes what JSON.stringify writes, with raw text in it', () => {
  fc.assert(fc.property(fc.jsonValue(), value => { expect(writeJson(value as never)).toBe(JSON.stringify(value)) }))
  expect(writeJson({ a: new RawJson('{"n":1.0}'), b: undefined, c: [new RawJson('1e5'), null] })).toBe('{"a":{"n":1.0},"c":[1e5,null]}')
  expect(Buffer.from(utf8AsLatin1('é𝄞a'), 'latin1').toString('utf8')).toBe('é𝄞a')
})
