import type { CallRecord } from '@headrace/contract'

/** A plausible record with what a test wants to be otherwise. */
export function sampleRecord(facts: Partial<CallRecord> & { readonly callId: string }): CallRecord {
  return {
    exchangeId: 'x', requestId: 'x', attempt: 1, kind: 'call', outcome: 'settled', tenant: 'default', team: '', app: '', keyId: 'key-1', endUser: '', startedAt: 1_700_000_000_000,
    dialect: 'openai-chat', operation: 'chat', model: 'm', provider: 'p', targetModel: 'tm', stream: true, status: 200, upstreamStatus: 200, errorKind: '', finishReason: 'stop', dropped: 'seed, n', approximated: '', route: '', compared: '',
    inputTokens: 3, outputTokens: 5, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1, costNano: -1, priceVersion: '', requestBytes: 10, responseBytes: 20,
    admittedMs: 0.1, attemptMs: 0.2, sentMs: 0.3, headMs: 1.5, firstByteMs: 1.6, committedMs: 1.7, totalMs: 9.25, traceId: '', metadata: '{"a":"b"}', tags: '',
    requestBody: null, responseBody: null, ...facts,
  }
}
