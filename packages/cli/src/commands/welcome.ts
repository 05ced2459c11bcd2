import { styleText } from 'node:util'
import { baseUrl } from '../base-url.ts'
import type { StartedInstance } from '../supervise/supervisor.ts'

export interface WelcomeFacts extends StartedInstance {
  /** The data directory as the user wrote it. */
  readonly data: string
  readonly sandbox: boolean
}

/** What a start says: where it listens; after the first start also both keys, and what to paste next. Plain text where stdout is no terminal. */
export function welcome(facts: WelcomeFacts): string {
  const base = baseUrl(facts)
  const admin = facts.admin === null ? '' : `Admin API, metrics and page: ${bold(baseUrl(facts.admin))}.\n`
  const anonymous = facts.anonymous == null ? '' : `Local tools that send no key: ${bold(baseUrl(facts.anonymous))}.\n`
  const head = `Headrace listens on ${bold(base)}, with its data in ${facts.data}.\n${admin}${anonymous}`
  if (facts.keys === null) return head
  const { adminKey, apiKey } = facts.keys
  const model = facts.sandbox ? 'sandbox/echo' : 'PROVIDER/MODEL'
  return `${head}
  Admin key   ${bold(adminKey)}
  API key     ${bold(apiKey)}
  Keep them: they are shown only this once.

  Page        ${baseUrl(facts.admin ?? facts)}/#key=${adminKey}

First request:

  curl ${base}/v1/chat/completions -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\
    -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'

With the OpenAI SDK:

  import OpenAI from 'openai'
  const client = new OpenAI({ baseURL: '${base}/v1', apiKey: '${apiKey}' })
  console.log((await client.chat.completions.create({ model: '${model}', messages: [{ role: 'user', content: 'Hello' }] })).choices[0].message.content)

Stop with Ctrl-C.
`
}

const bold = (text: string): string => styleText('bold', text)
