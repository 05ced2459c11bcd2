import { createHash } from 'node:crypto'
import type { ModelEntry } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** Whose API this is: clients ask for it, and do without what is newer. */
export const API_LEVEL = '0.12.6'

const details = ({ ownedBy }: ModelEntry) => ({ parent_model: '', format: 'gguf', family: ownedBy, families: [ownedBy], parameter_size: '', quantization_level: '' })
const modified = ({ created }: ModelEntry): string => new Date(created * 1_000).toISOString()
/** Nothing is on disk here. What must look like a digest is one of the name. */
const digest = (id: string): string => createHash('sha256').update(id).digest('hex')

/** Body of GET /api/tags. */
export const encodeModels = (models: readonly ModelEntry[]): string =>
  asciiJson({ models: models.map(model => ({ name: model.id, model: model.id, modified_at: modified(model), size: 0, digest: digest(model.id), details: details(model) })) })

/** Body of an answer of /api/show: what the catalogue knows, under the names that clients look for. */
export function encodeModel(model: ModelEntry): string {
  const { facts = null } = model
  const context = facts === null || facts.contextWindow < 0 ? {} : { [`${model.ownedBy}.context_length`]: facts.contextWindow }
  return asciiJson({
    modelfile: '', parameters: '', template: '', license: '', modified_at: modified(model), details: details(model), model_info: { 'general.architecture': model.ownedBy, 'general.basename': facts?.name ?? model.id, ...context },
    capabilities: [
      'completion', ...(facts === null || facts.capabilities.tools === true ? ['tools'] : []), ...(facts?.input.includes('image') === true ? ['vision'] : []),
      ...(facts?.capabilities.reasoning === true ? ['thinking'] : []),
    ],
  })
}
