import type { IncomingHttpHeaders } from 'node:http'
import { anthropic } from '../anthropic/dialect.ts'
import { decodeName } from '../decode-name.ts'
import type { Answer, Asked, Body, EngineDialect } from '../dialect.ts'
import { google } from '../google/dialect.ts'
import { refusalBody as googleRefusal } from '../google/refusal.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { answerPredict } from './predict.ts'
import type { TokenDesk } from './token-desk.ts'

const BASE = '^/v1/projects/[a-z0-9-]+/locations/[a-z0-9-]+/publishers'
const GEMINI = new RegExp(`${BASE}/google/models/([^/:]+):(generateContent|streamGenerateContent|countTokens|predict)$`)
const CLAUDE = new RegExp(`${BASE}/anthropic/models/([^/:]+):(rawPredict|streamRawPredict)$`)
const COUNTING = 'count-tokens'
const VERSION = 'vertex-2023-10-16'

/** What Vertex AI has of two publishers, for callers with a token of the desk's. */
export const vertexDialects = (desk: TokenDesk): readonly EngineDialect[] => [vertexGemini(desk), vertexClaude(desk)]

function strange(desk: TokenDesk, headers: IncomingHttpHeaders): Answer | null {
  if (desk.takes(headers.authorization)) return null
  const message = 'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.'
  return { kind: 'refusal', refusal: { ...invalid(message), status: 401 } }
}

/** Google's own models: as its Gemini API has them, but for who may call, and that every turn has a role. */
function vertexGemini(desk: TokenDesk): EngineDialect {
  return Object.freeze({
    ...google,
    route(path: string) {
      const found = GEMINI.exec(path)
      return found === null ? null : { operation: found[2] ?? '', model: decodeName(found[1] ?? '') }
    },
    answer(asked: Asked): Answer {
      const stranger = strange(desk, asked.headers)
      if (stranger !== null) return stranger
      if (asked.operation === 'predict') return answerPredict(asked.behaviour, asked.body)
      const contents = Array.isArray(asked.body['contents']) ? asked.body['contents'] as readonly Body[] : []
      if (contents.some(({ role }) => role !== 'user' && role !== 'model')) return { kind: 'refusal', refusal: invalid('Please use a valid role: user, model.') }
      return google.answer({ ...asked, headers: { ...asked.headers, 'x-goog-api-key': 'of the desk' } })
    },
    read: () => null,
  } satisfies EngineDialect)
}

/** Anthropic's models: as Anthropic has them, but for who may call, the version in the body and the model in the path. */
function vertexClaude(desk: TokenDesk): EngineDialect {
  return Object.freeze({
    ...anthropic,
    route(path: string) {
      const found = CLAUDE.exec(path)
      if (found === null) return null
      return found[1] === COUNTING ? { operation: 'count', model: null } : { operation: found[2] ?? '', model: decodeName(found[1] ?? '') }
    },
    answer(asked: Asked): Answer {
      const { operation, body, behaviour, headers } = asked
      const stranger = strange(desk, headers)
      if (stranger !== null) return stranger
      const older = { ...headers, 'anthropic-version': headers['anthropic-version'] ?? '2023-06-01' }
      if (operation === 'count') return anthropic.answer({ ...asked, headers: older })
      const problem = bodyProblem(operation, body)
      if (problem !== null) return { kind: 'refusal', refusal: invalid(problem) }
      const { anthropic_version: _version, ...rest } = body
      return anthropic.answer({ ...asked, operation: 'messages', headers: older, body: { model: behaviour.name, ...rest } })
    },
    read: () => null,
    // Callers are Google's to refuse.
    refusalBody: (refusal: Refusal) => refusal.status === 401 ? googleRefusal(refusal) : anthropic.refusalBody(refusal),
  } satisfies EngineDialect)
}

function bodyProblem(operation: string, body: Body): string | null {
  if (body['anthropic_version'] === undefined) return 'anthropic_version: Field required'
  if (body['anthropic_version'] !== VERSION) return `anthropic_version: Input should be '${VERSION}'`
  if (body['model'] !== undefined) return 'model: Extra inputs are not permitted'
  return (body['stream'] === true) === (operation === 'streamRawPredict') ? null : `stream: it does not go with ${operation}`
}
