import type { DialectId } from './snapshot.ts'

/** JSON text as it was received: key order and number lexemes kept, never parsed where it is only carried. */
export type JsonText = string

/**
 * A request in the neutral form: what every dialect is decoded to and encoded from, so that N dialects need no N x M translators.
 * Frozen by convention: whoever changes something builds a new one. What a client did not say is null, '' or -1, never a default.
 */
export interface Call {
  /** Who decoded it: `extras` and field names in reports are in this dialect's terms. */
  readonly dialect: DialectId
  readonly model: string
  readonly stream: boolean
  /** The client asked for usage in a stream, where the dialect has such a question. */
  readonly includeUsage: boolean
  /** The conversation, oldest first. This is the item type that contexts store. */
  readonly items: readonly Item[]
  readonly tools: readonly Tool[]
  readonly toolChoice: ToolChoice | null
  /** False = at most one tool call per answer; null = not said. */
  readonly parallelTools: boolean | null
  readonly responseFormat: ResponseFormat | null
  readonly reasoning: ReasoningRequest | null
  /** Numbers as the client wrote them. */
  readonly temperature: JsonText | null
  readonly topP: JsonText | null
  readonly topK: JsonText | null
  readonly frequencyPenalty: JsonText | null
  readonly presencePenalty: JsonText | null
  readonly seed: JsonText | null
  readonly stop: readonly string[]
  /** Output tokens at most; -1 = not said. */
  readonly maxTokens: number
  /** Answers asked for (`n`); 1 unless the client said otherwise. */
  readonly choices: number
  /** The client's own id for its end user; '' = none. */
  readonly user: string
  /** Fields that the neutral form does not model, by name; only the dialect that they come from understands them. */
  readonly extras: ReadonlyMap<string, JsonText>
  /** Fields inside of modelled ones that are not held at all (`messages[].annotations`): to be reported. */
  readonly unheld: readonly string[]
}

export type Item = MessageItem | ToolCallItem | ToolResultItem | ReasoningItem | ForeignItem

export interface MessageItem {
  readonly type: 'message'
  /** `system` stands for OpenAI's `developer` as well. */
  readonly role: 'system' | 'user' | 'assistant'
  /** The speaker's name, where a dialect has one; '' = none. */
  readonly name: string
  readonly parts: readonly Part[]
}

export interface ToolCallItem {
  readonly type: 'tool-call'
  readonly id: string
  readonly name: string
  /** The arguments as the model or the client wrote them: usually an object, but a model may have written anything. Of a custom tool: its text, as it is. */
  readonly input: JsonText
  readonly cache: JsonText | null
  /** A call of a `custom` tool, which takes a text. */
  readonly custom?: true
}

export interface ToolResultItem {
  readonly type: 'tool-result'
  readonly callId: string
  readonly parts: readonly Part[]
  readonly isError: boolean
  readonly cache: JsonText | null
}

/** What a model thought before it spoke. */
export interface ReasoningItem {
  readonly type: 'reasoning'
  /** Readable thoughts; '' = none, or hidden. */
  readonly text: string
  /** What the provider wants back unchanged: a signature, or the thoughts themselves, encrypted; null = nothing. */
  readonly opaque: Opaque | null
}

/** An item that only one dialect knows, whole: a call of a tool that its vendor runs, and the like. */
export interface ForeignItem { readonly type: 'foreign', readonly dialect: DialectId, readonly kind: string, readonly raw: JsonText }

/** A blob that only the provider it came from understands. '' = not known: the client does not say. */
export interface Opaque {
  readonly provider: string
  readonly model: string
  readonly dialect: DialectId
  /** `signature`: proves readable thoughts. `redacted`: stands in their place. */
  readonly kind: 'signature' | 'redacted'
  readonly data: string
}

export type Part = TextPart | ImagePart | AudioPart | FilePart | RefusalPart | ForeignPart

/** `cache` is a cache marker (`cache_control`) behind this part. */
export interface TextPart { readonly type: 'text', readonly text: string, readonly cache: JsonText | null, readonly citations: JsonText | null }
export interface ImagePart { readonly type: 'image', readonly source: Source, readonly detail: string, readonly cache: JsonText | null }
export interface AudioPart { readonly type: 'audio', readonly format: string, readonly data: string }
/** A document. `settings` are further members of its dialect's own (citations, context), as JSON texts. */
export interface FilePart { readonly type: 'file', readonly source: Source, readonly name: string, readonly cache: JsonText | null, readonly settings: ReadonlyMap<string, JsonText> }
export interface RefusalPart { readonly type: 'refusal', readonly text: string }
/** What only one dialect knows, whole. */
export interface ForeignPart { readonly type: 'foreign', readonly dialect: DialectId, readonly kind: string, readonly raw: JsonText }

export type Source =
  | { readonly kind: 'base64', readonly mediaType: string, readonly data: string }
  | { readonly kind: 'url', readonly url: string }
  | { readonly kind: 'text', readonly text: string }
  /** An id of the provider's own file store. */
  | { readonly kind: 'file-id', readonly id: string }

export type Tool =
  | {
    readonly type: 'function'
    readonly name: string
    readonly description: string
    /** JSON schema; '' = none. */
    readonly schema: JsonText
    readonly strict: boolean | null
    readonly cache: JsonText | null
  }
  /** A tool that takes a text and no JSON; `grammar` is what it must match, null = anything. */
  | { readonly type: 'custom', readonly name: string, readonly description: string, readonly grammar: { readonly syntax: string, readonly definition: string } | null }
  /** A tool that the provider runs itself, or of a kind that one dialect alone has. */
  | { readonly type: 'foreign', readonly dialect: DialectId, readonly kind: string, readonly raw: JsonText }

export type ToolChoice =
  | { readonly mode: 'auto' | 'none' | 'required' }
  | { readonly mode: 'one', readonly name: string }

export type ResponseFormat =
  | { readonly type: 'text' | 'json' }
  | { readonly type: 'schema', readonly name: string, readonly description: string, readonly schema: JsonText, readonly strict: boolean | null }

/** How much to think. */
export interface ReasoningRequest {
  /** False = the client asked for none. */
  readonly enabled: boolean
  /** `minimal`, `low`, `medium`, `high`, `xhigh`, `max`; '' = not said. */
  readonly effort: string
  /** Tokens of thought at most; -1 = not said. */
  readonly budgetTokens: number
  /** How thoughts are to be summed up for the client (`auto`, `concise`, `detailed`); left out = not said. */
  readonly summary?: string
}
