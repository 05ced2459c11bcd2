import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** Anthropic's own shape. Numbers of which the catalogue knows nothing are null, as its SDKs expect them. */
const modelObject = ({ id, created, facts }: ModelEntry) => ({
  type: 'model', id, display_name: facts?.name ?? id, created_at: new Date(created * 1000).toISOString(),
  max_input_tokens: known(facts?.contextWindow), max_tokens: known(facts?.maxOutput),
})

const known = (count: number | undefined): number | null => count === undefined || count < 0 ? null : count

/** Body of GET /v1/models for Anthropic's clients: one page holds them all. */
export const encodeModels = (models: readonly ModelEntry[]): string =>
  asciiJson({ data: models.map(modelObject), has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null })

/** Body of GET /v1/models/{id}. */
export const encodeModel = (model: ModelEntry): string => asciiJson(modelObject(model))
