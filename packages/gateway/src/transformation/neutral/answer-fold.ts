import { UNKNOWN_USAGE, type DialectId, type FinishReason, type StreamEvent, type Usage } from '@headrace/contract'

/** One part of a folded answer. */
export interface FoldedItem {
  readonly kind: 'text' | 'refusal' | 'reasoning' | 'tool'
  text: string
  /** Of a tool call. */
  id: string
  name: string
  custom: boolean
  signature: string
  redacted: string
  /** Whose signature or redacted thought it is; null = there is none. */
  origin: DialectId | null
  readonly citations: unknown[]
}

export interface FoldedChoice {
  /** In the order in which they began. */
  readonly items: Map<number, FoldedItem>
  readonly logprobs: unknown[]
  finish: { readonly reason: FinishReason, readonly raw: string, readonly sequence: string } | null
}

/** Folds events into one whole answer, for encoders of JSON. */
export class AnswerFold {
  id = ''
  model = ''
  created = 0
  usage: Usage = UNKNOWN_USAGE
  readonly choices = new Map<number, FoldedChoice>()

  add(event: StreamEvent): void {
    switch (event.type) {
      case 'start':
        this.id = event.id
        this.model = event.model
        this.created = event.created
        return
      case 'usage':
        this.usage = event.usage
        return
      case 'finish':
        this.choice(event.choice).finish = event
        return
      case 'text-delta':
        this.#item(event, 'text').text += event.text
        return
      case 'refusal-delta':
        this.#item(event, 'refusal').text += event.text
        return
      case 'reasoning-delta':
        this.#item(event, 'reasoning').text += event.text
        return
      case 'reasoning-opaque': {
        const item = this.#item(event, 'reasoning')
        item[event.kind] = event.data
        item.origin = event.dialect
        return
      }
      case 'tool-start': {
        const item = this.#item(event, 'tool')
        item.id = event.id
        item.name = event.name
        item.custom = event.custom === true
        return
      }
      case 'tool-delta':
        this.#item(event, 'tool').text += event.text
        return
      case 'citation':
        this.#item(event, 'text').citations.push(event.value)
        return
      case 'logprobs':
        this.choice(event.choice).logprobs.push(event.value)
        return
      case 'item-end':
      case 'end':
      case 'error':
    }
  }

  choice(index: number): FoldedChoice {
    let choice = this.choices.get(index)
    if (choice === undefined) this.choices.set(index, choice = { items: new Map(), logprobs: [], finish: null })
    return choice
  }

  #item(event: { readonly choice: number, readonly item: number }, kind: FoldedItem['kind']): FoldedItem {
    const { items } = this.choice(event.choice)
    let item = items.get(event.item)
    if (item === undefined) items.set(event.item, item = { kind, text: '', id: '', name: '', custom: false, signature: '', redacted: '', origin: null, citations: [] })
    return item
  }
}
