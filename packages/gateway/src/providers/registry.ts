import type { KnownProvider } from '@headrace/contract'
import { anthropic } from './anthropic.ts'
import { cerebras } from './cerebras.ts'
import { deepseek } from './deepseek.ts'
import { fireworks } from './fireworks.ts'
import { gemini } from './gemini.ts'
import { groq } from './groq.ts'
import { mistral } from './mistral.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import { sandbox } from './sandbox.ts'
import { together } from './together.ts'
import { xai } from './xai.ts'

/** Every provider that needs no `base_url`: one line each. Passed to `loadConfig` as `known`. */
export const KNOWN_PROVIDERS: readonly KnownProvider[] = Object.freeze([
  openai, anthropic, gemini, groq, mistral, deepseek, openrouter, together, xai, fireworks, cerebras, ollama, sandbox,
])
