import { z } from 'zod'
import { fileSchema } from './schema.ts'

/**
 * JSON Schema of `headrace.yaml` for editors, committed as `packages/contract/headrace.schema.json`. In the file:
 *
 *     # yaml-language-server: $schema=./node_modules/headrace/headrace.schema.json
 */
export function configJsonSchema(): object {
  return { title: 'headrace.yaml', ...z.toJSONSchema(fileSchema, { io: 'input', target: 'draft-7', reused: 'inline' }) }
}
