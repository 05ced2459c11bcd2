import { randomBytes } from 'node:crypto'

const RESPONSE = /^resp_[0-9a-f]{32}$/
const CONVERSATION = /^conv_[0-9a-f]{32}$/
const ITEM = /^[a-z]{1,8}_([0-9a-f]{32})_[a-z]?\d{1,9}$/

/** What ids of items of a type begin with, as their vendor's do. */
const PREFIXES: ReadonlyMap<string, string> = new Map([
  ['message', 'msg'], ['reasoning', 'rs'], ['function_call', 'fc'], ['function_call_output', 'fco'], ['custom_tool_call', 'ctc'], ['custom_tool_call_output', 'ctco'], ['compaction', 'cmp'],
  ['web_search_call', 'ws'], ['file_search_call', 'fs'], ['computer_call', 'cu'], ['mcp_call', 'mcp'], ['mcp_list_tools', 'mcpl'], ['image_generation_call', 'ig'], ['code_interpreter_call', 'ci'],
])

/** Unguessable: 128 random bits. Ids of a response, a conversation and what is in them are made of one. */
export const newKey = (): string => randomBytes(16).toString('hex')

export const responseId = (key: string): string => `resp_${key}`
export const conversationId = (key: string): string => `conv_${key}`
export const isResponseId = (text: string): boolean => RESPONSE.test(text)
export const isConversationId = (text: string): boolean => CONVERSATION.test(text)

/** `place`: where it stands among those that came with this key. Items that go in are counted apart from those that came out. */
export const itemId = (type: string, key: string, place: string | number): string => `${PREFIXES.get(type) ?? 'item'}_${key}_${place}`

/** Null = no id of ours. */
export const keyOfItem = (id: string): string | null => ITEM.exec(id)?.[1] ?? null
