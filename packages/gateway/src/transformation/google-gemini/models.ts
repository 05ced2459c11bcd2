import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

const METHODS = ['generateContent', 'streamGenerateContent', 'countTokens']
/** Models that one page may have. */
const PAGE_LIMIT = 1_000

/** Google's own shape. Limits of which the catalogue knows nothing are left out, as proto3 leaves out what is nothing. */
const modelObject = ({ id, facts }: ModelEntry) => ({
  name: `models/${id}`, displayName: facts?.name ?? id,
  ...(facts != null && facts.contextWindow >= 0 ? { inputTokenLimit: facts.contextWindow } : {}),
  ...(facts != null && facts.maxOutput >= 0 ? { outputTokenLimit: facts.maxOutput } : {}),
  supportedGenerationMethods: METHODS,
})

/** Body of GET /v1beta/models: all of them, or where `pageSize` says so some, with the token of the next page. A token that is none of ours ends the list. */
export function encodeModels(models: readonly ModelEntry[], query: string): string {
  const asked = new URLSearchParams(query)
  const size = Number(asked.get('pageSize') ?? 0)
  const start = asked.has('pageToken') ? Number(asked.get('pageToken') || NaN) : 0
  const first = Number.isInteger(start) && start >= 0 ? start : models.length
  const end = Number.isInteger(size) && size > 0 ? first + Math.min(size, PAGE_LIMIT) : models.length
  return asciiJson({ models: models.slice(first, end).map(modelObject), ...(end < models.length ? { nextPageToken: String(end) } : {}) })
}

/** Body of GET /v1beta/models/{id}. */
export const encodeModel = (model: ModelEntry): string => asciiJson(modelObject(model))
