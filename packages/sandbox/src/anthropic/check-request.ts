import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type Body } from '../dialect.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { object } from '../strict/shape.ts'
import { checkConversation, thinksNow } from './check-conversation.ts'
import { checkOutputSchema } from './check-output-schema.ts'
import { blocksOf, markable } from './messages-body.ts'
import { COUNT_FIELDS, MESSAGE_FIELDS, SAMPLING_FIELDS } from './request-shape.ts'

export const NEWEST = '2026-10-21'
const VERSIONS: ReadonlySet<string> = new Set(['2023-06-01', NEWEST])
const MOST_MARKERS = 4

/** A request that the vendor would refuse: the first thing that is wrong with it. */
export function checkRequest(operation: 'messages' | 'count', body: Body, headers: IncomingHttpHeaders, noPrefill: boolean): Refusal | null {
  const refused = checkHeaders(headers)
  if (refused !== null) return refused
  const newest = headers['anthropic-version'] === NEWEST
  const fields = operation === 'count' ? COUNT_FIELDS : newest ? MESSAGE_FIELDS : { ...MESSAGE_FIELDS, ...SAMPLING_FIELDS }
  const flaw = object(fields)(body, [])
  const problem = flaw !== null ? `${flaw.path.join('.')}: ${flaw.message}`
    : (newest ? checkBlocks(body) : null) ?? checkTools(body) ?? checkThinking(body) ?? checkSampling(body) ?? checkMarkers(body) ?? checkOutput(body) ?? checkConversation(body, noPrefill)
  return problem === null ? null : invalid(problem)
}

/** What the newest version no longer takes. */
function checkBlocks(body: Body): string | null {
  for (const [at, { role, content }] of (body['messages'] as readonly Body[]).entries()) {
    for (const [index, block] of blocksOf(content).entries()) {
      if (role === 'assistant' && block['type'] === 'document') return `messages.${at}.content.${index}: Input tag 'document' is not allowed in assistant messages`
      if (role === 'user' && Array.isArray(block['citations']) && block['citations'].length > 0) return `messages.${at}.content.${index}.citations: Extra inputs are not permitted`
    }
  }
  return null
}

function checkHeaders(headers: IncomingHttpHeaders): Refusal | null {
  if (headers['x-api-key'] === undefined && headers.authorization === undefined) return { ...invalid('x-api-key header is required'), status: 401 }
  const version = headers['anthropic-version']
  if (version === undefined) return invalid('anthropic-version: header is required')
  return VERSIONS.has(String(version)) ? null : invalid(`anthropic-version: "${String(version)}" is not a valid version`)
}

function checkTools(body: Body): string | null {
  const tools = (body['tools'] ?? []) as readonly Body[] // its shape has been checked
  const names = tools.map((tool) => tool['name'])
  if (new Set(names).size < names.length) return 'tools: Tool names must be unique.'
  for (const [index, tool] of tools.entries()) {
    const problem = tool['strict'] === true ? checkOutputSchema(tool['input_schema']) : null
    if (problem !== null) return `tools.${index}.custom.input_schema: ${problem}`
  }
  const choice = body['tool_choice']
  if (!isObject(choice)) return null
  if (tools.length === 0) return 'tool_choice: tool_choice may only be specified while providing tools'
  return choice['type'] === 'tool' && !names.includes(choice['name']) ? `tool_choice: Tool '${String(choice['name'])}' not found in provided tools` : null
}

function checkThinking(body: Body): string | null {
  if (!thinksNow(body)) return null
  const { thinking, tool_choice: choice, max_tokens: most } = body
  if (isObject(thinking) && Number(thinking['budget_tokens'] ?? 0) >= Number(most ?? Infinity)) return '`max_tokens` must be greater than `thinking.budget_tokens`.'
  if (isObject(choice) && (choice['type'] === 'any' || choice['type'] === 'tool')) return 'Thinking may not be enabled when tool_choice forces tool use.'
  if (body['temperature'] !== undefined && body['temperature'] !== 1) return '`temperature` may only be set to 1 when thinking is enabled.'
  if (body['top_k'] !== undefined) return '`top_k` must be unset when thinking is enabled.'
  return body['top_p'] !== undefined && Number(body['top_p']) < 0.95 ? '`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.' : null
}

function checkSampling(body: Body): string | null {
  if (body['temperature'] !== undefined && body['top_p'] !== undefined) return '`temperature` and `top_p` cannot both be specified for this model. Please use only one.'
  const stops = (body['stop_sequences'] ?? []) as readonly string[]
  const blank = stops.findIndex((stop) => stop.trim() === '')
  return blank === -1 ? null : `stop_sequences.${blank}: each stop sequence must contain non-whitespace`
}

/** At most four cache markers, and the long-lived before the short-lived. */
function checkMarkers(body: Body): string | null {
  let count = 0
  let short = false
  for (const holder of markable(body)) {
    const marker = holder['cache_control']
    if (!isObject(marker)) continue
    count += 1
    if (marker['ttl'] !== '1h') short = true
    else if (short) return "cache_control: a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block."
  }
  return count > MOST_MARKERS ? `A maximum of ${MOST_MARKERS} blocks with cache_control may be provided. Found ${count}.` : null
}

function checkOutput(body: Body): string | null {
  const config = body['output_config']
  const format = isObject(config) ? config['format'] : null
  const problem = isObject(format) ? checkOutputSchema(format['schema']) : null
  return problem === null ? null : `output_config.format.schema: ${problem}`
}
