import { UNKNOWN_USAGE, type Usage } from '@headrace/contract'
import { asCount, asObject, asText, parseJson } from '../relay/json-value.ts'

const FINISH_LIMIT = 64

/** The counts of an answer's last object, which Ollama tells unasked. */
export function readUsage(value: unknown): Usage {
  const answer = asObject(value)
  const input = asCount(answer?.['prompt_eval_count'])
  const output = asCount(answer?.['eval_count'])
  return input < 0 && output < 0 ? UNKNOWN_USAGE : { inputTokens: input, outputTokens: output, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 }
}

export const readDoneReason = (value: unknown): string => asText(asObject(value)?.['done_reason']).slice(0, FINISH_LIMIT)

/** Of a whole answer, or of its tail: the counts stand at its end. */
export function readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string } {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const done = text.lastIndexOf('"done":')
  // Embeddings are not done: their counts stand behind the vectors, which need not be parsed for them.
  if (done < 0) {
    const counts = tailObject(text, text.lastIndexOf('"total_duration":'))
    if (counts !== null) return { usage: readUsage(counts), finishReason: '' }
  }
  const answer = asObject(parseJson(text)) ?? tailObject(text, done)
  return { usage: readUsage(answer), finishReason: readDoneReason(answer) }
}

const tailObject = (text: string, from: number): Readonly<Record<string, unknown>> | null => from < 0 ? null : asObject(parseJson(`{${text.slice(from)}`))
