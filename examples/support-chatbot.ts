/**
 * A support chatbot that keeps no transcripts. Per customer it remembers one id; the gateway remembers what was said, and the model is asked with all of it.
 * Two windows of the same customer do not overwrite each other: who is late is told what was said meanwhile.
 *
 *     HEADRACE_KEY=hr_... MODEL=fast node examples/support-chatbot.ts
 */
import OpenAI from 'openai'
import { Contexts } from '@headrace/client'

const { HEADRACE_URL = 'http://127.0.0.1:8787', HEADRACE_KEY = '', MODEL = 'sandbox/echo' } = process.env
const client = new OpenAI({ baseURL: `${HEADRACE_URL}/v1`, apiKey: HEADRACE_KEY })
const contexts = new Contexts({ baseURL: HEADRACE_URL, apiKey: HEADRACE_KEY })

/** A window that a customer has open: the conversation, and the version of it that the customer has seen. */
interface Window { readonly context: string, readonly etag: string }

/** The first words of a customer. */
async function open(words: string): Promise<Window> {
  return say([{ role: 'system', content: 'You answer customers of a bicycle shop, in one sentence.' }, { role: 'user', content: words }], { 'headrace-context': 'new' })
}

/** Further words; only they are sent. */
async function goOn({ context, etag }: Window, words: string): Promise<Window> {
  return say([{ role: 'user', content: words }], { 'headrace-context': context, 'if-match': etag })
}

async function say(messages: OpenAI.ChatCompletionMessageParam[], headers: Record<string, string>): Promise<Window> {
  const { data, response } = await client.chat.completions.create({ model: MODEL, messages }, { headers }).withResponse()
  console.log(`bot: ${data.choices[0]?.message.content ?? ''}`)
  return { context: response.headers.get('headrace-context') ?? '', etag: response.headers.get('etag') ?? '' }
}

const phone = await open('My name is Ada and my chain broke.')
const laptop = phone
await goOn(laptop, 'What did I say my name is?')

// The phone has not seen that: its words would not fit any more.
try {
  await goOn(phone, 'How much is a new one?')
} catch (error) {
  if (!(error instanceof OpenAI.APIError) || error.status !== 412) throw error
  const { messages, etag } = await contexts.messages(phone.context, { since: phone.etag })
  console.log(`meanwhile: ${messages.map(({ role, content }) => `${role}: ${String(content)}`).join(' | ')}`)
  await goOn({ ...phone, etag }, 'How much is a new one?')
}
