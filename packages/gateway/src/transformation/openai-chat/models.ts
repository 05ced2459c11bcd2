import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** OpenAI's shape, and where they are known the two numbers that it has no room for, under the names that other providers of the same shape gave them. */
const modelObject = ({ id, created, ownedBy, facts }: ModelEntry) => ({
  id, object: 'model', created, owned_by: ownedBy, context_window: known(facts?.contextWindow), max_completion_tokens: known(facts?.maxOutput),
})

const known = (count: number | undefined): number | undefined => count === undefined || count < 0 ? undefined : count

/** Body of GET /v1/models. */
export const encodeModels = (models: readonly ModelEntry[]): string => asciiJson({ object: 'list', data: models.map(modelObject) })

/** Body of GET /v1/models/{id}. */
export const encodeModel = (model: ModelEntry): string => asciiJson(modelObject(model))
