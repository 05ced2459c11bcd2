import { utf8AsLatin1, writeJson } from '@headrace/bytes'
import { UNKNOWN_USAGE, type AnswerEncoder, type AnswerFacts, type StreamEvent, type Usage } from '@headrace/contract'
import { AnswerFold } from '../neutral/answer-fold.ts'
import { FINISH_REASONS, usageObject } from '../openai-chat/encode-answer.ts'

/** A whole legacy completion: the text of each choice, and nothing of thoughts and calls. */
export class CompletionJsonEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  readonly #fold = new AnswerFold()

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    this.#fold.add(event)
    if (event.type !== 'end') return ''
    const { id, created, model, choices, usage } = this.#fold
    return utf8AsLatin1(writeJson({
      id: id || this.#facts.requestId, object: 'text_completion', created: created || this.#facts.created, model: model || this.#facts.model,
      choices: [...choices].sort(([one], [other]) => one - other).map(([index, { items, finish }]) => ({
        index, text: [...items].sort(([one], [other]) => one - other).map(([, { kind, text }]) => kind === 'text' || kind === 'refusal' ? text : '').join(''), logprobs: null, finish_reason: FINISH_REASONS[finish?.reason ?? 'stop'],
      })),
      ...(usage === UNKNOWN_USAGE ? {} : { usage: usageObject(usage) }),
    }))
  }
}

/** A stream of pieces of text. */
export class CompletionStreamEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts
  /** Everything in front of a chunk's choices. */
  #prefix = ''
  #usage: Usage = UNKNOWN_USAGE

  constructor(facts: AnswerFacts) {
    this.#facts = facts
  }

  event(event: StreamEvent): string {
    switch (event.type) {
      case 'start': {
        const { requestId, created, model } = this.#facts
        const head = writeJson({ id: event.id || requestId, object: 'text_completion', created: event.created || created, model: event.model || model })
        this.#prefix = `data: ${utf8AsLatin1(head.slice(0, -1))},"choices":`
        return ''
      }
      case 'text-delta':
      case 'refusal-delta': return this.#chunk(event.choice, event.text, 'null')
      case 'finish': return this.#chunk(event.choice, '', `"${FINISH_REASONS[event.reason]}"`)
      case 'usage':
        this.#usage = event.usage
        return ''
      case 'end': return `${this.#facts.includeUsage && this.#usage !== UNKNOWN_USAGE ? `${this.#prefix}[],"usage":${writeJson(usageObject(this.#usage))}}\n\n` : ''}data: [DONE]\n\n`
      default: return ''
    }
  }

  #chunk(choice: number, text: string, finish: string): string {
    return `${this.#prefix}[{"index":${choice},"text":${utf8AsLatin1(JSON.stringify(text))},"logprobs":null,"finish_reason":${finish}}]}\n\n`
  }
}
