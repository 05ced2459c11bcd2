import { randomUUID } from 'node:crypto'
import { type Answer, type Asked, type EngineDialect } from '../dialect.ts'
import { answerEmbed } from './embed.ts'

/** Cohere's own API, as strict as the vendor: embeddings. */
export const cohere: EngineDialect = Object.freeze({
  route: (path: string) => path === '/v2/embed' ? { operation: path, model: null } : null,
  answer: ({ behaviour, body }: Asked): Answer => answerEmbed(behaviour, body),
  read: () => null,
  refusalBody: ({ message }) => JSON.stringify({ id: randomUUID(), message }),
  errorFrame: '',
  brokenFrame: '',
} satisfies EngineDialect)
