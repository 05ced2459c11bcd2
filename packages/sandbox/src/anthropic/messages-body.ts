import type { Body } from '../dialect.ts'

/** One turn: what one side says in a row, whole. `at` and `index` say where a block stands in the request. */
export interface Turn { readonly role: string, readonly at: number, readonly blocks: readonly Placed[] }
export interface Placed { readonly block: Body, readonly at: number, readonly index: number }

/** A content's blocks; a plain text is one. The shapes have been checked. */
export function blocksOf(content: unknown): readonly Body[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content as readonly Body[]
}

/** Messages of one side in a row are one turn. */
export function turnsOf(body: Body): readonly Turn[] {
  const turns: { role: string, at: number, blocks: Placed[] }[] = []
  for (const [at, message] of (body['messages'] as readonly Body[]).entries()) {
    const role = String(message['role'])
    const blocks = blocksOf(message['content']).map((block, index) => ({ block, at, index }))
    const last = turns.at(-1)
    if (last?.role === role) last.blocks.push(...blocks)
    else turns.push({ role, at, blocks })
  }
  return turns
}

/** Every object of a request that may carry a cache marker, in the order in which a prompt holds them: tools, system, messages. */
export function* markable(body: Body): Generator<Body> {
  yield* (body['tools'] ?? []) as readonly Body[]
  if (body['system'] !== undefined) yield* blocksOf(body['system'])
  for (const message of body['messages'] as readonly Body[]) {
    for (const block of blocksOf(message['content'])) {
      yield block
      if (block['type'] === 'tool_result' && Array.isArray(block['content'])) yield* block['content'] as readonly Body[]
    }
  }
  yield body
}
