/** From the third generation on, levels take the place of budgets of thought, calls must be signed, and functions go together with JSON. */
export const isThirdGeneration = (model: string): boolean => /gemini-(?:[3-9]|\d\d)/.test(model)
