import type { Frame } from '../deliver.ts'
import { choiceTokens, type Choice, type Generation } from '../engine/generate.ts'
import { signatureOf, TEXT } from './signature.ts'

/** The bodies below are checked against the vendor's own SDK types in `google.test.ts`. */
export interface PartBody {
  text?: string, thought?: true, thoughtSignature?: string, functionCall?: { id: string, name: string, args: Record<string, unknown> }
}
export interface CandidateBody { content: { parts: PartBody[], role: 'model' }, finishReason?: 'STOP' | 'MAX_TOKENS', index: number }
export interface UsageBody {
  promptTokenCount: number, candidatesTokenCount?: number, totalTokenCount: number, thoughtsTokenCount?: number, cachedContentTokenCount?: number
  promptTokensDetails: { modality: 'TEXT', tokenCount: number }[]
}
export interface AnswerBody { candidates: CandidateBody[], usageMetadata: UsageBody, modelVersion: string, responseId: string }

/** What is the same in every chunk of one answer. `cached`: tokens of the prompt that were seen before; null = none. */
export interface Envelope { readonly model: string, readonly id: string, readonly cached: number | null, /** Thoughts are told. */ readonly shown: boolean }

const FINISH = { stop: 'STOP', length: 'MAX_TOKENS', tool_calls: 'STOP' } as const

/** The whole answer. */
export function renderAnswer(envelope: Envelope, generation: Generation): AnswerBody {
  const candidates = generation.choices.map((choice, index): CandidateBody => ({ content: { parts: wholeParts(choice, envelope), role: 'model' }, finishReason: FINISH[choice.finish], index }))
  return answer(envelope, generation, candidates, generation.choices.reduce((sum, choice) => sum + choiceTokens(choice) - choice.thoughts.length, 0))
}

function wholeParts(choice: Choice, { shown }: Envelope): PartBody[] {
  const text = choice.pieces.join('')
  const thinks = choice.thoughts.length > 0
  return [
    ...(thinks && shown ? [{ text: choice.thoughts.join(''), thought: true as const }] : []),
    ...(text === '' ? [] : [{ text, ...(thinks ? { thoughtSignature: signatureOf(TEXT) } : {}) }]),
    ...calls(choice),
  ]
}

/** The first call of a turn that was thought about is signed. */
function calls(choice: Choice): PartBody[] {
  return choice.toolCalls.map((call, at) => ({
    functionCall: { id: call.id, name: call.name, args: JSON.parse(call.argumentPieces.join('')) as Record<string, unknown> },
    ...(at === 0 && choice.thoughts.length > 0 ? { thoughtSignature: signatureOf(call.name) } : {}),
  }))
}

/** The answer in pieces of a token each; calls come whole. Framed as events, or as the elements of one array. */
export function* renderFrames(envelope: Envelope, generation: Generation, events: boolean): Generator<Frame> {
  let told = 0
  let first = true
  const frame = (candidate: CandidateBody, tokens: number): Frame => {
    if (candidate.content.parts[0]?.thought !== true) told += tokens
    const json = JSON.stringify(answer(envelope, generation, [candidate], told))
    const text = events ? `data: ${json}\r\n\r\n` : `${first ? '[' : ',\r\n'}${json}`
    first = false
    return { text, tokens, terminator: false }
  }
  for (const [index, choice] of generation.choices.entries()) {
    for (const { part, tokens } of pieces(choice, envelope)) yield frame({ content: { parts: [part], role: 'model' }, index }, tokens)
    yield frame({ content: { parts: [{ text: '', ...(choice.thoughts.length > 0 && choice.pieces.length > 0 ? { thoughtSignature: signatureOf(TEXT) } : {}) }], role: 'model' }, finishReason: FINISH[choice.finish], index }, 0)
  }
  if (!events) yield { text: ']', tokens: 0, terminator: true }
}

function* pieces(choice: Choice, { shown }: Envelope): Generator<{ readonly part: PartBody, readonly tokens: number }> {
  if (shown) for (const piece of choice.thoughts) yield { part: { text: piece, thought: true }, tokens: 1 }
  for (const piece of choice.pieces) yield { part: { text: piece }, tokens: 1 }
  for (const [at, part] of calls(choice).entries()) yield { part, tokens: choice.toolCalls[at]?.argumentPieces.length ?? 0 }
}

/** `told`: tokens of the answer so far, thoughts apart. */
function answer(envelope: Envelope, generation: Generation, candidates: CandidateBody[], told: number): AnswerBody {
  const { promptTokens } = generation
  const thoughts = generation.choices.reduce((sum, choice) => sum + choice.thoughts.length, 0)
  return {
    candidates,
    usageMetadata: {
      promptTokenCount: promptTokens, ...(told > 0 ? { candidatesTokenCount: told } : {}), ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}), totalTokenCount: promptTokens + told + thoughts,
      ...(envelope.cached === null || envelope.cached === 0 ? {} : { cachedContentTokenCount: envelope.cached }), promptTokensDetails: [{ modality: 'TEXT', tokenCount: promptTokens }],
    },
    modelVersion: envelope.model, responseId: envelope.id,
  }
}
