import { anthropicMessages } from './clients/anthropic.ts'
import { googleGenai } from './clients/google-genai.ts'
import { langchainAnthropic, langchainOpenaiChat, langchainOpenaiResponses } from './clients/langchain.ts'
import { agentsChat, agentsResponses } from './clients/openai-agents.ts'
import { openaiChat } from './clients/openai-chat.ts'
import { openaiResponses } from './clients/openai-responses.ts'
import { vercelAnthropic, vercelGoogle, vercelOpenaiChat, vercelOpenaiResponses } from './clients/vercel-ai.ts'
import type { Sdk } from './sdk.ts'

/** Every SDK, in the order of the table. */
export const SDKS: readonly Sdk[] = [
  openaiChat, openaiResponses, anthropicMessages, googleGenai, vercelOpenaiChat, vercelOpenaiResponses, vercelAnthropic, vercelGoogle, langchainOpenaiChat, langchainOpenaiResponses, langchainAnthropic, agentsChat, agentsResponses,
]
