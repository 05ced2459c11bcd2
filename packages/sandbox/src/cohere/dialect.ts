import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, type EngineDialect } from '../dialect.ts'
import { answerEmbed } from './embed.ts'
import { answerRerank } from './rerank.ts'

const PATHS: ReadonlySet<string> = new Set(['/v2/embed', '/v2/rerank'])

/** Cohere's own API, as strict as the vendor: embeddings and reranking. */
export const cohere: EngineDialect = Object.freeze({
  route: (path: string) => PATHS.has(path) ? { operation: path, model: null } : null,
  answer: ({ operation, behaviour, body }: Asked): Answer => operation === '/v2/embed' ? answerEmbed(behaviour, body) : answerRerank(body),
  read: () => null,
  refusalBody: ({ message }) => JSON.stringify({ id: randomUUID(), message }),
  errorFrame: '',
  brokenFrame: '',
} satisfies EngineDialect)
