import { isObject, type Body } from '../dialect.ts'
import { turnsOf, type Placed, type Turn } from './messages-body.ts'
import { isRedacted, sign } from '../engine/signature.ts'

/** Why a conversation of the right shape is refused; null = it is one that the vendor takes. */
export function checkConversation(body: Body, noPrefill: boolean): string | null {
  const turns = turnsOf(body)
  if (turns[0]?.role !== 'user') return 'messages: first message must use the "user" role'
  return checkContents(body) ?? checkThoughts(turns) ?? checkResults(turns) ?? checkPrefill(body, turns, noPrefill) ?? checkThinkingTurns(body, turns)
}

function checkContents(body: Body): string | null {
  const messages = body['messages'] as readonly Body[] // its shape has been checked
  for (const [at, { role, content }] of messages.entries()) {
    const last = at === messages.length - 1 && role === 'assistant'
    if ((content === '' || (Array.isArray(content) && content.length === 0)) && !last) {
      return `messages.${at}: all messages must have non-empty content except for the optional final assistant message`
    }
    const texts = typeof content === 'string' ? [content] : (content as readonly Body[]).flatMap((block) => typeof block['text'] === 'string' ? [block['text']] : [])
    if (!last && texts.some((text) => text.trim() === '')) return 'messages: text content blocks must contain non-whitespace text'
  }
  return null
}

function checkThoughts(turns: readonly Turn[]): string | null {
  for (const { blocks } of turns) {
    for (const { block, at, index } of blocks) {
      const place = `messages.${at}.content.${index}`
      if (block['type'] === 'thinking' && block['signature'] !== sign(String(block['thinking']))) return `${place}: Invalid \`signature\` in \`thinking\` block`
      if (block['type'] === 'redacted_thinking' && !isRedacted(String(block['data']))) return `${place}: Invalid \`data\` in \`redacted_thinking\` block`
    }
  }
  return null
}

const usesOf = (turn: Turn | undefined): readonly Placed[] => turn?.role !== 'assistant' ? [] : turn.blocks.filter(({ block }) => block['type'] === 'tool_use')

/** Every call is answered in the next turn, once, and before anything else is said there. */
function checkResults(turns: readonly Turn[]): string | null {
  const known = new Set<unknown>()
  for (const [number, turn] of turns.entries()) {
    for (const { block, at, index } of usesOf(turn)) {
      if (known.has(block['id'])) return `messages.${at}.content.${index}: \`tool_use\` ids must be unique`
      known.add(block['id'])
    }
    const problem = checkTurnResults(turn, usesOf(turns[number - 1]).map(({ block }) => block['id'])) ?? checkAnswered(turn, turns[number + 1])
    if (problem !== null) return problem
  }
  return null
}

function checkTurnResults(turn: Turn, due: readonly unknown[]): string | null {
  const seen = new Set<unknown>()
  for (const { block, at, index } of turn.blocks) {
    if (block['type'] !== 'tool_result') continue
    const id = block['tool_use_id']
    if (!due.includes(id)) {
      return `messages.${at}.content.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(id)}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`
    }
    if (seen.has(id)) return `messages.${at}.content.${index}: each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${String(id)}`
    seen.add(id)
  }
  return null
}

function checkAnswered(turn: Turn, next: Turn | undefined): string | null {
  const uses = usesOf(turn)
  if (uses.length === 0) return null
  const others = next?.blocks.findIndex(({ block }) => block['type'] !== 'tool_result') ?? 0
  const answered = new Set((others === -1 ? next?.blocks : next?.blocks.slice(0, others))?.map(({ block }) => block['tool_use_id']))
  const missing = uses.filter(({ block }) => !answered.has(block['id']))
  if (missing.length === 0) return null
  return `messages.${uses[0]?.at ?? 0}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.map(({ block }) => String(block['id'])).join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
}

function checkPrefill(body: Body, turns: readonly Turn[], noPrefill: boolean): string | null {
  const last = turns.at(-1)
  if (last?.role !== 'assistant') return null
  if (noPrefill) return 'This model does not support assistant message prefill. The conversation must end with a user message.'
  if (thinksNow(body)) return 'When `thinking` is enabled, the conversation must not end with an assistant message.'
  const text = last.blocks.at(-1)?.block['text']
  return typeof text === 'string' && text !== text.trimEnd() ? 'messages: final assistant content cannot end with trailing whitespace' : null
}

export function thinksNow(body: Body): boolean {
  const thinking = body['thinking']
  return isObject(thinking) && (thinking['type'] === 'enabled' || thinking['type'] === 'adaptive')
}

/** In the middle of a tool call the thoughts that led to it must be there. Adaptive thinking does not mind. */
function checkThinkingTurns(body: Body, turns: readonly Turn[]): string | null {
  const thinking = body['thinking']
  const last = turns.at(-1)
  if (!isObject(thinking) || thinking['type'] !== 'enabled' || last?.blocks.some(({ block }) => block['type'] === 'tool_result') !== true) return null
  const calling = turns.at(-2)
  const first = calling?.blocks[0]?.block['type']
  if (first === 'thinking' || first === 'redacted_thinking') return null
  return `messages.${calling?.at ?? 0}.content.0.type: Expected \`thinking\` or \`redacted_thinking\`, but found \`${String(first)}\`. When \`thinking\` is enabled, a final \`assistant\` message must start with a thinking block (preceeding the lastmost set of \`tool_use\` and \`tool_result\` blocks).`
}
