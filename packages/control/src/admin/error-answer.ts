import { z } from 'zod'

/** Every error of the admin API, in the shape that OpenAI's SDKs know. */
export const errorSchema = z.object({
  error: z.object({ message: z.string(), type: z.string(), code: z.string(), param: z.string().nullable() }),
  /** With `config_invalid`: every error of the file. Lines and columns begin at 1; 0 = not at a place in the file. */
  errors: z.array(z.object({ message: z.string(), line: z.number(), column: z.number(), path: z.string() })).optional(),
})
export type ErrorAnswer = z.infer<typeof errorSchema>

export function errorAnswer(code: string, message: string, type = 'invalid_request_error', param: string | null = null): ErrorAnswer {
  return { error: { message, type, code, param } }
}

/** The same for a missing, an unknown, an expired and a contradictory key: a guess learns nothing. */
export const UNAUTHENTICATED = Object.freeze(errorAnswer('invalid_api_key', 'An admin key is needed here. Send it as `Authorization: Bearer KEY`.'))
export const FORBIDDEN = Object.freeze(errorAnswer('forbidden', 'This key has no admin scope. Use an admin key.', 'permission_error'))
export const OPERATOR_ONLY = Object.freeze(errorAnswer('forbidden', 'This is of the whole installation: it needs an admin key of the tenant `default`.', 'permission_error'))
export const NOT_FOUND = Object.freeze(errorAnswer('not_found', 'There is nothing at this path. What there is stands in /admin/v1/openapi.json.'))
export const INTERNAL = Object.freeze(errorAnswer('internal_error', 'Something went wrong in the control process; its standard error says what.', 'server_error'))
