import { JsonView, minifyJson, utf8AsLatin1 } from '@headrace/bytes'
import type { Item } from '@headrace/contract'

/**
 * How a client may say an answer again in its next request: as the message that it got, or as what SDKs make of a stream. One that is said in other words is simply
 * sent. `answer`: JSON in latin1, '' = it was a stream. Texts are latin1.
 */
export function chatEchoes(answer: string, items: readonly Item[]): readonly string[] {
  const message = answer === '' ? undefined : JsonView.parse(answer)?.get('choices').elements()[0]?.get('message')
  const content = items.flatMap(item => item.type === 'message' ? item.parts : []).flatMap(part => part.type === 'text' ? [part.text] : []).join('')
  const calls = items.flatMap(item => item.type === 'tool-call' ? [{ id: item.id, type: 'function', function: { name: item.name, arguments: item.input } }] : [])
  const said = calls.length === 0 ? { role: 'assistant', content } : { role: 'assistant', content: content === '' ? null : content, tool_calls: calls }
  return distinct([...(message?.given === true ? [minifyJson(message.raw)] : []), utf8AsLatin1(JSON.stringify(said))])
}

export function messagesEchoes(answer: string, items: readonly Item[]): readonly string[] {
  const content = answer === '' ? undefined : JsonView.parse(answer)?.get('content')
  const text = items.flatMap(item => item.type === 'message' ? item.parts : []).flatMap(part => part.type === 'text' ? [part.text] : []).join('')
  const blocks = items.flatMap((item): unknown[] => {
    if (item.type === 'tool-call') return [{ type: 'tool_use', id: item.id, name: item.name, input: parsed(item.input) }]
    return item.type === 'message' ? item.parts.flatMap(part => part.type === 'text' ? [{ type: 'text', text: part.text }] : []) : []
  })
  return distinct([
    ...(content?.given === true ? [`{"role":"assistant","content":${minifyJson(content.raw)}}`] : []),
    utf8AsLatin1(JSON.stringify({ role: 'assistant', content: blocks })), ...(blocks.length === 1 && text !== '' ? [utf8AsLatin1(JSON.stringify({ role: 'assistant', content: text }))] : []),
  ])
}

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

function parsed(input: string): unknown {
  try {
    return JSON.parse(input === '' ? '{}' : input) as unknown
  } catch {
    return input
  }
}
