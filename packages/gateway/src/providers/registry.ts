import type { KnownProvider } from '@headrace/contract'
import { alibaba } from './alibaba.ts'
import { anthropic } from './anthropic.ts'
import { baseten } from './baseten.ts'
import { cerebras } from './cerebras.ts'
import { cohere } from './cohere.ts'
import { deepinfra } from './deepinfra.ts'
import { deepseek } from './deepseek.ts'
import { fireworks } from './fireworks.ts'
import { gemini } from './gemini.ts'
import { groq } from './groq.ts'
import { huggingface } from './huggingface.ts'
import { lmstudio } from './lmstudio.ts'
import { minimax } from './minimax.ts'
import { mistral } from './mistral.ts'
import { moonshotai } from './moonshotai.ts'
import { nebius } from './nebius.ts'
import { novita } from './novita.ts'
import { nvidia } from './nvidia.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openrouter } from './openrouter.ts'
import { perplexity } from './perplexity.ts'
import { sambanova } from './sambanova.ts'
import { sandbox } from './sandbox.ts'
import { siliconflow } from './siliconflow.ts'
import { together } from './together.ts'
import { vercelAiGateway } from './vercel-ai-gateway.ts'
import { vllm } from './vllm.ts'
import { xai } from './xai.ts'
import { xiaomi } from './xiaomi.ts'
import { zai } from './zai.ts'

/** Every provider that needs no `base_url`: one line each. Passed to `loadConfig` as `known`. */
export const KNOWN_PROVIDERS: readonly KnownProvider[] = Object.freeze([
  openai, anthropic, gemini, groq, mistral, deepseek, openrouter, together, xai, fireworks, cerebras,
  moonshotai, nvidia, perplexity, huggingface, novita, zai, minimax, baseten,
  vercelAiGateway, xiaomi, cohere, deepinfra, nebius, sambanova, alibaba, siliconflow,
  ollama, vllm, lmstudio, sandbox,
])
