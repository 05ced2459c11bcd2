import { randomUUID } from 'node:crypto'
import type { Answer, Body } from '../dialect.ts'
import type { Behaviour } from '../engine/behaviour.ts'
import { invalid } from '../refusal.ts'
import { list, object, oneOf, tagged, text, textOr, type Fields, type Shape } from '../strict/shape.ts'

const part = tagged('type', { text: object({ type: oneOf('text'), text: text() }), image_url: object({ type: oneOf('image_url'), image_url: object({ url: text(1) }) }) })
const either = (one: Shape, other: Shape): Shape => (value, path) => one(value, path) === null ? null : other(value, path)

/** Members of a request to `/v1/moderations`. */
export const MODERATION = { model: text(1), input: textOr(either(list(text(), 1), list(part, 1))) } as const satisfies Fields

/** Words that this engine takes amiss, by category. */
const WORDS = { 'harassment': /\bidiot\b/i, 'violence': /\bkill\b/i, 'sexual': /$^/, 'hate': /$^/, 'self-harm': /$^/, 'illicit': /$^/ } as const

/** Answers `/v1/moderations`, or refuses it. Texts have a result each; parts have one together. */
export function answerModeration(behaviour: Behaviour, body: Body): Answer {
  const flaw = object(MODERATION)(body, [])
  if (flaw !== null) return { kind: 'refusal', refusal: invalid(`${flaw.path.join('.')}: ${flaw.message}`, String(flaw.path[0] ?? '')) }
  const { input } = body
  const texts = typeof input === 'string' ? [input] : (input as readonly unknown[]).every((one) => typeof one === 'string') ? input as readonly string[] : [JSON.stringify(input)] // the shape says so
  return { kind: 'json', tokens: 0, json: JSON.stringify({ id: `modr-${randomUUID()}`, model: behaviour.name, results: texts.map(judge) }) }
}

function judge(words: string): object {
  const found = Object.entries(WORDS).map(([category, pattern]) => [category, pattern.test(words)] as const)
  return {
    flagged: found.some(([, hit]) => hit), categories: Object.fromEntries(found), category_scores: Object.fromEntries(found.map(([category, hit]) => [category, hit ? 0.97 : 0.01])),
    category_applied_input_types: Object.fromEntries(found.map(([category]) => [category, ['text']])),
  }
}
