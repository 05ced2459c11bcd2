import { estimateTokens } from '@headrace/bytes'
import type { Call, Item, Part, Source, Tool } from '@headrace/contract'

/** Tokens that frame a turn or a tool. */
const FRAME = 4
/** Tokens of an image of ordinary size: vendors count 85 to 1,600. */
const IMAGE = 1_200
/** Bytes of a document or a sound for one token: a PDF page of 50 KB comes to about 2,000 tokens, as text and as a picture. */
const BYTES_PER_TOKEN = 25

/** Input tokens of a request, without its model's vocabulary: text as `estimateTokens` has it, the rest by rules of thumb. Whole, >= 1. */
export function estimateCall(call: Call): number {
  let tokens = 0
  for (const item of call.items) tokens += FRAME + itemTokens(item)
  for (const tool of call.tools) tokens += FRAME + toolTokens(tool)
  if (call.responseFormat?.type === 'schema') tokens += estimateTokens(call.responseFormat.schema)
  return Math.max(1, tokens)
}

function itemTokens(item: Item): number {
  switch (item.type) {
    case 'message': return partTokens(item.parts)
    case 'tool-call': return estimateTokens(item.name) + estimateTokens(item.input)
    case 'tool-result': return partTokens(item.parts)
    case 'reasoning': return estimateTokens(item.text)
    case 'foreign': return estimateTokens(item.raw)
  }
}

function toolTokens(tool: Tool): number {
  if (tool.type === 'foreign') return estimateTokens(tool.raw)
  const { name, description } = tool
  return estimateTokens(name) + estimateTokens(description) + estimateTokens(tool.type === 'custom' ? tool.grammar?.definition ?? '' : tool.schema)
}

const partTokens = (parts: readonly Part[]): number => parts.reduce((sum, part) => sum + tokensOf(part), 0)

function tokensOf(part: Part): number {
  switch (part.type) {
    case 'text':
    case 'refusal': return estimateTokens(part.text)
    case 'image': return IMAGE
    case 'audio': return Math.ceil(part.data.length * 3 / 4 / BYTES_PER_TOKEN)
    case 'file': return sourceTokens(part.source)
    case 'foreign': return estimateTokens(part.raw)
  }
}

function sourceTokens(source: Source): number {
  if (source.kind === 'text') return estimateTokens(source.text)
  return source.kind === 'base64' ? Math.ceil(source.data.length * 3 / 4 / BYTES_PER_TOKEN) : IMAGE
}
