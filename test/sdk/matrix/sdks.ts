import { anthropicMessages } from './clients/anthropic.ts'
import { langchainAnthropic, langchainOpenaiChat } from './clients/langchain.ts'
import { agentsChat } from './clients/openai-agents.ts'
import { openaiChat } from './clients/openai-chat.ts'
import { vercelAnthropic, vercelOpenaiChat } from './clients/vercel-ai.ts'
import type { Sdk } from './sdk.ts'

/** Every SDK, in the order of the table. */
export const SDKS: readonly Sdk[] = [openaiChat, anthropicMessages, vercelOpenaiChat, vercelAnthropic, langchainOpenaiChat, langchainAnthropic, agentsChat]
