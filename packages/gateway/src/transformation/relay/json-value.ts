/** Counts above this are nonsense (a trillion tokens). */
export const COUNT_LIMIT = 1e12

/** Narrows to a JSON object. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : null
}

/** Narrows to a list; anything else is an empty one. */
export const asList = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : []

/** Narrows to a text; anything else is ''. */
export const asText = (value: unknown): string => typeof value === 'string' ? value : ''

/** A token count. What is absent, negative, fractional or absurd is -1. */
export function asCount(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= COUNT_LIMIT ? value : -1
}

/** Undefined = not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
