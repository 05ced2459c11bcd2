import { createHash } from 'node:crypto'
import type { Exchange, StreamEvent, TranslatingDialect } from '@headrace/contract'
import type { SeenAnswer } from './mirror-sink.ts'

/** Hex digits of a text's digest on record. */
const DIGEST_DIGITS = 32

/**
 * The client's answer and its shadow's, side by side, as JSON; of each pair the client's is first. `firstByteMs`, `totalMs`: of the client's since its request
 * began, of the shadow's since it was sent; -1 = did not happen. `sameText`: the same text and tool calls; null = one of them is not whole or not kept.
 * Where bodies are not logged there are digests of the texts instead.
 */
export function compareAnswers(dialect: TranslatingDialect, x: Exchange, seen: SeenAnswer, shadow: Exchange, shadowSeen: SeenAnswer): string {
  const texts = x.operation === 'chat' ? [textOf(dialect, seen), textOf(dialect, shadowSeen)] as const : [null, null] as const
  const pair = <T>(read: (x: Exchange) => T): readonly [T, T] => [read(x), read(shadow)]
  return JSON.stringify({
    exchange: x.id, target: x.target?.name ?? '',
    status: pair(one => one.status), error: pair(one => one.error ?? ''), finishReason: pair(one => one.finishReason),
    inputTokens: pair(one => one.usage.inputTokens), outputTokens: pair(one => one.usage.outputTokens),
    firstByteMs: [since(x.startedAt, x.committedAt), since(shadow.attemptAt, shadow.committedAt)], totalMs: [since(x.startedAt, x.settledAt), since(shadow.attemptAt, shadow.settledAt)],
    sameText: texts[0] === null || texts[1] === null ? null : texts[0] === texts[1],
    ...(x.snapshot.policy.logBodies === 'none' ? { textDigests: texts.map(text => text === null ? null : createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS)) } : {}),
  })
}

const since = (from: number, at: number): number => at === 0 ? -1 : Math.round((at - from) * 10) / 10

/** All that an answer says, tool calls included; null = it is not whole. */
function textOf(dialect: TranslatingDialect, { whole, stream, body }: SeenAnswer): string | null {
  if (!whole || body === null) return null
  let text = ''
  let ended = false
  const take = (event: StreamEvent): void => {
    if (event.type === 'text-delta' || event.type === 'refusal-delta' || event.type === 'tool-delta') text += event.text
    else if (event.type === 'tool-start') text += `\n${event.name} `
    else if (event.type === 'end') ended = true
  }
  const decoder = dialect.createDecoder(stream)
  decoder.push(Buffer.from(body, 'latin1'), take)
  decoder.end(take)
  return ended ? text : null
}
