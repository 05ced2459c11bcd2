import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

const modelObject = (model: ModelEntry) => ({ id: model.id, object: 'model', created: model.created, owned_by: model.ownedBy })

/** Body of GET /v1/models. */
export const encodeModels = (models: readonly ModelEntry[]): string => asciiJson({ object: 'list', data: models.map(modelObject) })

/** Body of GET /v1/models/{id}. */
export const encodeModel = (model: ModelEntry): string => asciiJson(modelObject(model))
