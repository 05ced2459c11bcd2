import { Exchange, NO_HOOKS, type Policy, type Principal, type Snapshot, type Target } from '@headrace/contract'

const principal: Principal = { tenant: 'default', team: null, app: 'app', keyId: 'key-1', endUser: null, scopes: new Set(['inference']), source: 'virtual-key' }

export const target = {
  provider: 'sandbox', model: 'fast', dialect: 'openai-chat', origin: { tls: false, host: '127.0.0.1', port: 1, authority: '127.0.0.1:1', proxy: null },
  credentialId: null, paths: { chat: '/c', completion: '/p', embedding: '', embeddings: '/e', rerank: '', moderation: '', 'count-tokens': '', 'chat-stream': '/c', 'chat-array': '', 'image-generation': '', 'image-edit': '', 'image-variation': '', speech: '', transcription: '', translation: '' }, headers: '', timeouts: { connect: 1, firstToken: 1, idle: 1, total: 1 },
  name: 'sandbox/fast', answerHeaders: '', usageOption: true, modelJson: '"fast"',
} satisfies Target

/** A snapshot that only has a policy: the journal and the metrics read nothing else. */
export function snapshot(policy: Partial<Policy> = {}): Snapshot {
  return {
    version: 1, hooks: NO_HOOKS,
    policy: { askUsage: true, logCalls: true, logBodies: 'none', logBodyLimit: 1000, maxAttempts: 3, jsonDepth: 64, holdLimit: 262144, ...policy },
    authenticate() { throw new Error('not used') }, plan() { throw new Error('not used') }, models() { throw new Error('not used') },
  }
}

/** An exchange whose first attempt is about to be sent. */
export function attempting(id: string, from: Snapshot): Exchange {
  const x = new Exchange(id, from, 'openai-chat', 'chat', Date.now(), performance.now())
  x.principal = principal
  x.model = 'fast'
  x.plan = { model: 'fast', targets: [target] }
  x.target = target
  x.attempts = 1
  x.requestBytes = 904
  x.admittedAt = x.attemptAt = performance.now()
  return x
}

/** The same after a good answer. */
export function answered(x: Exchange): Exchange {
  x.sentAt = x.headAt = x.firstByteAt = x.committedAt = x.settledAt = performance.now()
  x.status = x.upstreamStatus = 200
  x.responseBytes = 1226
  x.finishReason = 'stop'
  x.usage = { inputTokens: 10, outputTokens: 20, cachedInputTokens: 0, cacheWriteTokens: -1, reasoningTokens: 0 }
  return x
}
