/** Thoughts up to so many tokens are of this effort. The figures are ours: vendors name none. */
const LOW_BUDGET = 4_096
const MEDIUM_BUDGET = 16_384

/** The effort that a budget of tokens for thought comes to. */
export const effortOfBudget = (tokens: number): 'low' | 'medium' | 'high' => tokens <= LOW_BUDGET ? 'low' : tokens <= MEDIUM_BUDGET ? 'medium' : 'high'
