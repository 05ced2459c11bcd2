import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

const modelObject = (model: ModelEntry) =>
  ({ type: 'model', id: model.id, display_name: model.id, created_at: new Date(model.created * 1000).toISOString() })

/** Body of GET /v1/models for Anthropic's clients: one page holds them all. */
export const encodeModels = (models: readonly ModelEntry[]): string =>
  asciiJson({ data: models.map(modelObject), has_more: false, first_id: models[0]?.id ?? null, last_id: models.at(-1)?.id ?? null })

/** Body of GET /v1/models/{id}. */
export const encodeModel = (model: ModelEntry): string => asciiJson(modelObject(model))
