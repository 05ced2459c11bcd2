/**
 * Two agents analyse the same data and share one context. Each adds what it finds; neither writes over the other: who is late reads what it missed and tries again.
 * A third party watches, and asks a model for the summary when both have said what they have.
 *
 *     HEADRACE_KEY=hr_... MODEL=fast node examples/two-analysts.ts
 */
import OpenAI from 'openai'
import { Contexts, StaleContextError } from '@headrace/client'

const { HEADRACE_URL = 'http://127.0.0.1:8787', HEADRACE_KEY = '', MODEL = 'sandbox/echo' } = process.env
const client = new OpenAI({ baseURL: `${HEADRACE_URL}/v1`, apiKey: HEADRACE_KEY })
const contexts = new Contexts({ baseURL: HEADRACE_URL, apiKey: HEADRACE_KEY })
const SALES = [{ month: 'January', north: 120, south: 80 }, { month: 'February', north: 90, south: 130 }, { month: 'March', north: 150, south: 60 }]
const TRIES = 20

/** Adds a finding to what it has read; where another one was faster, reads again. */
async function report(id: string, analyst: string, find: (said: readonly string[]) => string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    const { messages, etag } = await contexts.messages(id)
    try {
      await contexts.append(id, [{ role: 'user', content: `${analyst}: ${find(messages.map(({ content }) => String(content)))}` }], { ifMatch: etag })
      return console.log(`${analyst} has reported`)
    } catch (error) {
      if (!(error instanceof StaleContextError)) throw error
      console.log(`${analyst} was late, and reads again`)
    }
  }
  throw new Error(`${analyst} was late ${TRIES} times`)
}

/** Resolves when so many items are there, as soon as the last of them is. */
async function until(id: string, items: number): Promise<void> {
  for await (const event of contexts.watch(id)) {
    const seq = event.type === 'state' ? event.state.seq : event.type === 'change' ? event.change.seq : items
    if (seq >= items) return
  }
}

const { id } = await contexts.create({ messages: [{ role: 'system', content: 'Two analysts report on sales. Summarise what they found.' }, { role: 'user', content: JSON.stringify(SALES) }] })
await Promise.all([
  report(id, 'trend', () => `sales go from ${sum(SALES[0])} in ${SALES[0]?.month} to ${sum(SALES.at(-1))} in ${SALES.at(-1)?.month}`),
  report(id, 'regions', said => `the north sells most in March${said.some(words => words.startsWith('trend')) ? ', as the trend says' : ''}`),
  until(id, 4),
])
const { choices } = await client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'Summarise.' }] }, { headers: { 'headrace-context': id } })
console.log(`summary: ${choices[0]?.message.content ?? ''}`)

function sum(month: typeof SALES[number] | undefined): number {
  return (month?.north ?? 0) + (month?.south ?? 0)
}
