import { describe, expect, it } from 'vitest'
import type { DialectId, RelayDialect } from '@headrace/contract'
import { anthropicMessages } from '../anthropic-messages/dialect.ts'
import { googleGemini } from '../google-gemini/dialect.ts'
import { tagOpaque } from '../neutral/opaque-tag.ts'
import { openAiResponses } from '../openai-responses/dialect.ts'

const DIALECTS = { 'anthropic-messages': anthropicMessages, 'openai-responses': openAiResponses, 'google-gemini': googleGemini } as const
const PATHS = { 'anthropic-messages': '/v1/messages', 'openai-responses': '/v1/responses', 'google-gemini': '/v1beta/models/m:generateContent' } as const

/** What goes out in the fast lane. */
function sent(id: keyof typeof DIALECTS, body: string): string {
  const dialect: RelayDialect = DIALECTS[id]
  const scanned = dialect.scanRequest(Buffer.from(body), 'chat', { jsonDepth: 32 }, { path: PATHS[id], query: '' })
  if (!scanned.ok) throw new Error(scanned.error.message)
  const own = dialect.withoutForeign?.(scanned.value) ?? scanned.value
  return Buffer.from(dialect.spliceRequest(own, '"target"', false), 'latin1').toString()
}

const blob = (own: DialectId, dialect: DialectId, kind: 'signature' | 'redacted' = 'signature'): string => tagOpaque(own, { dialect, kind, data: 'c2ln+/é' })
const ofGemini = blob('anthropic-messages', 'google-gemini')
const ofClaude = blob('google-gemini', 'anthropic-messages')
const sealed = blob('openai-responses', 'anthropic-messages', 'redacted')
const inUrls = ofClaude.replaceAll('+', '-').replaceAll('/', '_')

describe('a blob of another vendor stays behind in the fast lane', () => {
  it.each([
    ['anthropic-messages', 'with its block', `{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"é 𝄞","signature":"${ofGemini}"} , {"type":"text","text":"Yes"}]}, {"role":"user","content":"go  on"}],"model":"m"}`,
      '{"messages":[{"role":"assistant","content":[{"type":"text","text":"Yes"}]},{"role":"user","content":"go  on"}],"model":"target"}'],
    ['anthropic-messages', 'beside blobs of its own vendor', `{"model":"m","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},{"type":"redacted_thinking","data":"${ofGemini}"},{"type":"text","text":"1.0"}]}],"x":[1.0]}`,
      '{"model":"target","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"own"},{"type":"text","text":"1.0"}]}],"x":[1.0]}'],
    ['anthropic-messages', 'with a turn that holds nothing else', `{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"a","signature":"${ofGemini}"}]},{"role":"user","content":"b"}]}`,
      '{"model":"target","messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]}'],
    ['openai-responses', 'with its item', `{"input":[{"role":"user","content":"a"},{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content" : "${sealed}"},{"type":"function_call","call_id":"c","name":"f","arguments":"{\\"a\\":1.0}"}],"model":"m","store":false}`,
      '{"input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c","name":"f","arguments":"{\\"a\\":1.0}"}],"model":"target","store":false}'],
    ['google-gemini', 'with its part', `{"contents":[{"role":"model","parts":[{"text":"Hm","thought":true,"thoughtSignature":"${ofClaude}"},{"functionCall":{"name":"f","args":{"a":1.0}}}]}]}`,
      '{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":1.0}}}]}]}'],
    ['google-gemini', 'in base64 as it stands in URLs, and in the older spelling', `{"contents":[{"parts":[{"text":"Hm","thought":true,"thought_signature":"${inUrls}"},{"text":"Yes","thoughtSignature":"b3du"}],"role":"model"}],"model":"models/m"}`,
      '{"contents":[{"parts":[{"text":"Yes","thoughtSignature":"b3du"}],"role":"model"}],"model":"models/target"}'],
  ] as const)('%s: %s', (id, _name, body, expected) => {
    expect(sent(id, body)).toBe(expected)
  })
})

describe('a request without one is not touched', () => {
  it.each([
    ['anthropic-messages', `{ "model":"m", "messages":[ {"role":"user","content":[{"type":"text","text":"headrace:google-gemini:signature:x"},{"type":"text","text":"\\"headrace:"}]} ]}`],
    ['anthropic-messages', `{ "model":"m", "messages":[ {"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"data":"${ofGemini}"}}]} ]}`],
    ['openai-responses', '{ "model":"m", "input":"headrace:" , "instructions":"headrace:x"}'],
    ['openai-responses', `{ "model":"m", "input":[ {"type":"message","role":"user","content":"${sealed}"} ] }`],
    ['google-gemini', `{ "contents":[ {"parts":[{"text":"${ofClaude}"}]} ] , "model":"m"}`],
  ] as const)('%s: %s', (id, body) => {
    expect(sent(id, body)).toBe(body.replace('"model":"m"', id === 'google-gemini' ? '"model":"models/target"' : '"model":"target"'))
  })
})
