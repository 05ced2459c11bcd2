import type { Operation, PathName } from '@headrace/contract'

/** The path of a call as Google writes it: `/v1beta/models/NAME:METHOD`. Names may hold colons and slashes, so the last colon counts. */
const PATH = /^\/v1(?:beta)?\/(models|tunedModels)\/(.+):([A-Za-z]+)$/

const METHODS: ReadonlyMap<string, Omit<PathCall, 'model'>> = new Map([
  ['generateContent', { operation: 'chat', stream: false }],
  ['streamGenerateContent', { operation: 'chat', stream: true }],
  ['countTokens', { operation: 'count-tokens', stream: false }],
  ['embedContent', { operation: 'embeddings', stream: false, path: 'embedding' }],
  ['batchEmbedContents', { operation: 'embeddings', stream: false }],
])

/** A call as its path tells it. `path`: where it goes, where that is another than its operation's. */
export interface PathCall { readonly model: string, readonly operation: Operation, readonly stream: boolean, readonly path?: PathName }

/** Null = the path is no call, or its model's name is not valid percent-encoding. */
export function readCallPath(path: string): PathCall | null {
  const match = PATH.exec(path)
  const method = match === null ? undefined : METHODS.get(match[3] ?? '')
  if (match === null || method === undefined) return null
  const name = decodeName(match[2] ?? '')
  return name === null ? null : { model: match[1] === 'tunedModels' ? `tunedModels/${name}` : name, ...method }
}

const ROUTES: ReadonlyMap<Operation, { readonly dialect: 'google-gemini', readonly operation: Operation }> = new Map(
  (['chat', 'count-tokens', 'embeddings'] as const).map(operation => [operation, Object.freeze({ dialect: 'google-gemini', operation })]))

/** Which call a path is; undefined = none of this dialect. Asked only for paths that are no fixed ones. */
export function geminiRoute(path: string): { readonly dialect: 'google-gemini', readonly operation: Operation } | undefined {
  const method = path.startsWith('/v1') ? METHODS.get(path.slice(path.lastIndexOf(':') + 1)) : undefined
  return method !== undefined && PATH.test(path) ? ROUTES.get(method.operation) : undefined
}

function decodeName(text: string): string | null {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** `alt=sse`: a stream of events rather than one JSON array. */
export const asksForEvents = (query: string): boolean => query.split('&').some(part => part === 'alt=sse' || part === '%24alt=sse' || part === '$alt=sse')
