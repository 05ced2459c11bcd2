import { z } from 'zod'
import type { CallRecord } from '@headrace/contract'

/** How a call stands; see `Outcome` in the contract. */
const outcome = z.enum(['settled', 'partial', 'unknown', 'refused', 'answered', 'coalesced'])
/** What an attempt was for; see `CallKind` in the contract. */
const kind = z.enum(['call', 'hedge', 'shadow'])
const filter = z.string().min(1).max(300).optional()
const count = z.number()

/** The filters of `LogQuery` as query parameters. The tenant is the asking key's and cannot be asked for. */
export const logQuerySchema = z.strictObject({
  since: z.coerce.number().int().min(0).optional().describe('Unix milliseconds, inclusive.'),
  until: z.coerce.number().int().min(0).optional().describe('Unix milliseconds, exclusive.'),
  model: filter, provider: filter, key_id: filter, kind: kind.optional(), outcome: outcome.optional(), error_kind: filter, request_id: filter,
  after: z.coerce.number().int().min(0).optional().describe('Rows with a greater cursor only, oldest first. Without it: newest first.'),
  limit: z.coerce.number().int().min(1).max(1000).optional().describe('Default 100. Fewer rows may come where `log.body_limit` is large; go on with `after`.'),
  follow: z.enum(['true', 'false']).optional().describe('`true`: one row per line (NDJSON), oldest first, then each new one as it is stored, until you hang up. Empty lines keep the connection alive.'),
})

/** One call; field by field as in `CallRecord`. Durations are ms from `startedAt`, -1 = did not happen; token counts: -1 = unknown; costs: nano-dollars, -1 = no price. */
const recordSchema = z.object({
  callId: z.string(), exchangeId: z.string(), requestId: z.string(), attempt: count, outcome,
  tenant: z.string(), team: z.string(), app: z.string(), keyId: z.string(), endUser: z.string(),
  startedAt: count, dialect: z.string(), operation: z.string(), model: z.string(), provider: z.string(), targetModel: z.string(), stream: z.boolean(),
  status: count, upstreamStatus: count, errorKind: z.string(), finishReason: z.string(),
  inputTokens: count, outputTokens: count, cachedInputTokens: count, cacheWriteTokens: count, reasoningTokens: count, requestBytes: count, responseBytes: count,
  admittedMs: count, attemptMs: count, sentMs: count, headMs: count, firstByteMs: count, committedMs: count, totalMs: count,
  traceId: z.string(), metadata: z.string(), tags: z.string(), costNano: count, priceVersion: z.string(),
  dropped: z.string().describe('Fields that the target could not take, parted by `, `.'), approximated: z.string(), route: z.string().describe('Why targets were chosen, skipped and left: a JSON array, or empty.'), kind, compared: z.string().describe('Of a shadow: its answer beside the client\'s, JSON, or empty.'), requestBody: z.string().nullable(), responseBody: z.string().nullable(),
} satisfies Record<keyof CallRecord, z.ZodType>)

export const logAnswerSchema = z.object({ rows: z.array(z.object({ cursor: count, record: recordSchema })) })
