import type { AnswerDecoder, StreamEvent } from '@headrace/contract'

/** What a client was told of an answer before it broke off, in events and in sum. */
export interface SaidAnswer {
  readonly events: readonly StreamEvent[]
  /** The text so far, all of it. */
  readonly text: string
  /** The text item that was growing; -1 = none. */
  readonly openText: number
  /** Thoughts that were growing; -1 = none. */
  readonly openReasoning: number
  /** The tool call whose arguments are not whole. */
  readonly openTool: { readonly item: number, readonly name: string, readonly input: string, readonly custom: boolean } | null
  /** Tool calls that are whole. */
  readonly wholeTools: number
  /** The number that the next item has. */
  readonly items: number
  /** The answer was whole but for its end. */
  readonly finished: boolean
}

/** Reads what was sent. Null = nobody can go on from there: several answers at once, a refusal, or something that is no answer. */
export function readSaidAnswer(decoder: AnswerDecoder, sent: Buffer): SaidAnswer | null {
  const events: StreamEvent[] = []
  decoder.push(sent, event => events.push(event))
  const open = new Map<number, 'text' | 'reasoning' | 'tool'>()
  const tools = new Map<number, { name: string, input: string, custom: boolean }>()
  let text = ''
  let items = 0
  let finished = false
  for (const event of events) {
    if ('choice' in event && event.choice !== 0) return null
    if ('item' in event) items = Math.max(items, event.item + 1)
    switch (event.type) {
      case 'error':
      case 'refusal-delta': return null
      case 'text-delta':
        text += event.text
        open.set(event.item, 'text')
        break
      case 'reasoning-delta':
        open.set(event.item, 'reasoning')
        break
      case 'tool-start':
        tools.set(event.item, { name: event.name, input: '', custom: event.custom === true })
        open.set(event.item, 'tool')
        break
      case 'tool-delta': {
        const tool = tools.get(event.item)
        if (tool !== undefined) tool.input += event.text
        break
      }
      case 'item-end':
        open.delete(event.item)
        break
      case 'finish':
        finished = true
        break
      case 'start':
      case 'reasoning-opaque':
      case 'citation':
      case 'logprobs':
      case 'usage':
      case 'end':
    }
  }
  return { events, text, items, finished, ...openParts(open, tools) }
}

/** Some dialects end a tool call with the answer only: arguments that are a whole object are a whole call. */
function openParts(open: ReadonlyMap<number, 'text' | 'reasoning' | 'tool'>, tools: ReadonlyMap<number, { readonly name: string, readonly input: string, readonly custom: boolean }>): Pick<SaidAnswer, 'openText' | 'openReasoning' | 'openTool' | 'wholeTools'> {
  const last = (kind: 'text' | 'reasoning'): number => [...open].findLast(([, what]) => what === kind)?.[0] ?? -1
  const broken = [...tools].find(([item, tool]) => open.has(item) && !isWholeObject(tool.input))
  return {
    openText: last('text'), openReasoning: last('reasoning'),
    openTool: broken === undefined ? null : { item: broken[0], ...broken[1] }, wholeTools: tools.size - (broken === undefined ? 0 : 1),
  }
}

function isWholeObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === 'object'
  } catch {
    return false
  }
}
