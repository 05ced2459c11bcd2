import type { AnswerDecoder, Item, Part, StreamEvent } from '@headrace/contract'

interface Growing { readonly kind: 'text' | 'refusal' | 'reasoning' | 'tool', text: string, id: string, name: string, custom: boolean, opaque: Extract<StreamEvent, { type: 'reasoning-opaque' }> | null }

/** The items that a whole answer adds to a conversation, in the order in which they began. Null = it is no whole answer. Of several answers (`n`) the first counts. */
export function answerItems(decoder: AnswerDecoder, answer: Buffer): readonly Item[] | null {
  const growing = new Map<number, Growing>()
  const at = (item: number, kind: Growing['kind']): Growing => {
    const found = growing.get(item) ?? { kind, text: '', id: '', name: '', custom: false, opaque: null }
    growing.set(item, found)
    return found
  }
  let whole = false
  const hear = (event: StreamEvent): void => {
    if ('choice' in event && event.choice !== 0) return
    switch (event.type) {
      case 'text-delta': at(event.item, 'text').text += event.text; break
      case 'refusal-delta': at(event.item, 'refusal').text += event.text; break
      case 'reasoning-delta': at(event.item, 'reasoning').text += event.text; break
      case 'reasoning-opaque': at(event.item, 'reasoning').opaque = event; break
      case 'tool-start': Object.assign(at(event.item, 'tool'), { id: event.id, name: event.name, custom: event.custom === true }); break
      case 'tool-delta': at(event.item, 'tool').text += event.text; break
      case 'end': whole = true; break
      case 'error': whole = false; break
      case 'start': case 'item-end': case 'citation': case 'logprobs': case 'usage': case 'finish':
    }
  }
  decoder.push(answer, hear)
  decoder.end(hear)
  return whole ? [...growing.values()].map(grown) : null
}

function grown({ kind, text, id, name, custom, opaque }: Growing): Item {
  const say = (part: Part): Item => ({ type: 'message', role: 'assistant', name: '', parts: [part] })
  switch (kind) {
    case 'text': return say({ type: 'text', text, cache: null, citations: null })
    case 'refusal': return say({ type: 'refusal', text })
    case 'tool': return { type: 'tool-call', id, name, input: text, cache: null, ...(custom ? { custom } : {}) }
    case 'reasoning': return { type: 'reasoning', text, opaque: opaque === null ? null : { provider: '', model: '', dialect: opaque.dialect, kind: opaque.kind, data: opaque.data } }
  }
}
