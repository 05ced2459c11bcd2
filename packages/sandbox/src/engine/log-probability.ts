import { hashText } from './random.ts'

/** Natural logarithm of how likely the engine "found" a token: above -1, the same for the same token. */
export const logProbability = (token: string): number => -(hashText(token) % 1_000) / 1_000

/** The `count` likeliest tokens at the place of this one, itself first. */
export function likeliest(token: string, count: number): readonly { readonly token: string, readonly logprob: number }[] {
  const own = logProbability(token)
  return Array.from({ length: count }, (_, at) => at === 0 ? { token, logprob: own } : { token: `${token}${'~'.repeat(at)}`, logprob: own - at })
}
