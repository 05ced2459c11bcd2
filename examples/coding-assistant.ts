/**
 * A coding assistant as most are written: a loop that sends the whole conversation with every call of a tool. One line is different, `fetch: deltaFetch(...)`: what the
 * gateway has seen, the model's own answers too, is not sent again.
 *
 *     HEADRACE_KEY=hr_... MODEL=fast node examples/coding-assistant.ts
 */
import OpenAI from 'openai'
import { deltaFetch } from '@headrace/client'

const { HEADRACE_URL = 'http://127.0.0.1:8787', HEADRACE_KEY = '', MODEL = 'sandbox/echo' } = process.env
let sent = 0
const counting: typeof fetch = (input, init) => {
  sent += init?.body instanceof Uint8Array || typeof init?.body === 'string' ? init.body.length : 0
  return fetch(input, init)
}
const client = new OpenAI({ baseURL: `${HEADRACE_URL}/v1`, apiKey: HEADRACE_KEY, fetch: deltaFetch(counting) })

const FILES: Readonly<Record<string, string>> = { 'sum.ts': `export function sum(values: number[]): number {\n  return values.reduce((left, right) => left - right, 0)\n}\n`.repeat(40) }
const TOOLS: OpenAI.ChatCompletionTool[] = [{
  type: 'function', function: { name: 'read_file', description: 'Reads a file of the project.', parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] } },
}]
const STEPS = 8

const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: 'system', content: 'You find faults in code. Read files with the tool, then say what is wrong.' },
  { role: 'user', content: 'sum() gives wrong results. Why?' },
]
let whole = 0
for (let step = 0; step < STEPS; step++) {
  const request = { model: MODEL, messages, tools: TOOLS }
  whole += JSON.stringify(request).length
  const message = (await client.chat.completions.create(request)).choices[0]?.message
  if (message === undefined) throw new Error('no answer')
  messages.push(message)
  const calls = message.tool_calls ?? []
  if (calls.length === 0) {
    console.log(`assistant: ${message.content ?? ''}`)
    break
  }
  for (const call of calls) {
    if (call.type !== 'function') continue
    const { path } = JSON.parse(call.function.arguments) as { path: string }
    console.log(`reads ${path}`)
    messages.push({ role: 'tool', tool_call_id: call.id, content: FILES[path] ?? 'There is no such file.' })
  }
}
console.log(`sent ${sent} of ${whole} bytes`)
