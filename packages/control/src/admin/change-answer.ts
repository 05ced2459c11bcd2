import { z } from 'zod'
import type { Change } from '../config/config-keeper.ts'
import { errorAnswer, type ErrorAnswer } from './error-answer.ts'

export const changedSchema = z.object({
  version: z.number().describe('In force in every worker.'), workers: z.number().describe('That have taken it.'), warnings: z.array(z.string()),
})

/** The HTTP answer to a change that did not come into force. */
export function changeError(change: Exclude<Change, { readonly kind: 'in-force' }>): { readonly status: 422 | 500 | 504, readonly answer: ErrorAnswer } {
  if (change.kind === 'invalid') return { status: 422, answer: { ...errorAnswer('config_invalid', `Nothing was changed: the configuration is not valid.\n${change.text}`), errors: [...change.errors] } }
  if (change.kind === 'refused') {
    return { status: 500, answer: errorAnswer('config_refused', `Worker ${change.worker} refused the configuration: ${change.reason}. The one before is in force again, as version ${change.version}.`, 'server_error') }
  }
  return { status: 504, answer: errorAnswer('config_late', `Version ${change.version} was sent to all workers, but worker ${change.missing.join(', ')} has not taken it in time. It does so as soon as it can; see /admin/v1/status.`, 'server_error') }
}
