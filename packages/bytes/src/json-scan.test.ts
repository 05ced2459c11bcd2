import { describe, expect, it } from 'vitest'
import { scanMembers, type MemberScan } from './json-scan.ts'

const scanText = (text: string, names: readonly string[], decodeKeys = false): MemberScan => scanMembers(Buffer.from(text), text, names, 10, decodeKeys)

const values = (text: string, names = ['a', 'b']): string[] => {
  const scan = scanText(text, names)
  return scan.status === 'ok' ? names.map((_, index) => text.slice(scan.starts[index], scan.ends[index])) : [scan.status, String(scan.offset)]
}

describe('the byte scanner', () => {
  it.each([
    ['{"a":1,"b":"x"}', ['1', '"x"']],
    [' { "b" : [1,{"a":2}] , "a" : {"b":"]"} } ', ['{"b":"]"}', '[1,{"a":2}]']],
    ['{"a":-1.5e+10,"b":null}', ['-1.5e+10', 'null']],
    ['{"c":"\\"a\\":1,","a":"\\\\","b":true}', ['"\\\\"', 'true']],
    [`{"c":"${'\\"'.repeat(60)}","a":1,"b":2}`, ['1', '2']],
  ])('finds the members of %s', (text, expected) => {
    expect(values(text)).toEqual(expected)
  })

  it.each([
    ['{"\\u0061":1}', 'unsure', 1], ['{"a":1,"a":2}', 'duplicate', 7], ['[]', 'not-object', 0], ['"a"', 'not-object', 0], ['', 'malformed', 0], ['{', 'malformed', 1],
    ['{"a"', 'malformed', 4], ['{"a":', 'malformed', 5], ['{"a":}', 'malformed', 5], ['{"a":1', 'malformed', 6], ['{"a":1}x', 'malformed', 7], ['{"a":"x}', 'malformed', 5],
    ['{"a":[}', 'malformed', 5], ['{a:1}', 'malformed', 1], ['{"a":1,}', 'malformed', 7], ['{"a":1 2}', 'malformed', 7], ['{"c":[[[[[[[[[[1]]]]]]]]]]}', 'too-deep', 5],
    ['{"a":"x\\', 'malformed', 5], [`{"a":"${'x'.repeat(40)}\\"`, 'malformed', 5],
  ])('says of %s: %s at %s', (text, status, offset) => {
    expect(scanText(text, ['a'])).toMatchObject({ status, offset })
  })

  it('decodes escaped keys when asked, and sees through duplicates', () => {
    const scan = scanText('{"\\u0061":1}', ['a'], true)
    expect([scan.status, scan.starts[0], scan.ends[0]]).toEqual(['ok', 10, 11])
    expect(scanText('{"a":1,"\\u0061":2}', ['a'], true).status).toBe('duplicate')
    expect(scanText('{"\\x":1}', ['a'], true).status).toBe('malformed')
  })
})
