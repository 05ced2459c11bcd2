import { isObject, type Body } from '../dialect.ts'
import { describeMedia } from '../engine/describe-media.ts'
import type { Prompt } from '../engine/generate.ts'
import { functionsOf, thinksNow } from './check-request.ts'

/** The prompt of a request that has been checked. */
export function readPrompt(body: Body): Prompt {
  const config = isObject(body['generationConfig']) ? body['generationConfig'] : {}
  const turns: { role: string, text: string }[] = []
  if (isObject(body['systemInstruction'])) turns.push({ role: 'system', text: textOf(partsOf(body['systemInstruction'])) })
  for (const turn of (body['contents'] ?? []) as readonly Body[]) {
    const parts = partsOf(turn)
    for (const part of parts) if (isObject(part['functionResponse'])) turns.push({ role: 'tool', text: resultText(part['functionResponse']) })
    const rest = parts.filter((part) => part['functionResponse'] === undefined && part['thought'] !== true)
    if (rest.length > 0) turns.push({ role: turn['role'] === 'model' ? 'assistant' : 'user', text: textOf(rest) })
  }
  return {
    turns,
    tools: functionsOf(body).map((declared) => ({ name: String(declared['name']), schema: declared['parametersJsonSchema'] ?? lowered(declared['parameters']) })),
    toolChoice: readToolChoice(body['toolConfig']),
    parallelTools: true,
    jsonSchema: config['responseJsonSchema'] ?? (config['responseSchema'] === undefined ? config['responseMimeType'] === 'application/json' ? ANY_OBJECT : undefined : lowered(config['responseSchema'])),
    thinks: thinksNow(body),
    topLogprobs: null,
    maxTokens: Number(config['maxOutputTokens'] ?? Infinity),
    stop: (config['stopSequences'] ?? []) as readonly string[],
    seed: config['seed'] === undefined ? null : Number(config['seed']),
    choices: Number(config['candidateCount'] ?? 1),
  }
}

const ANY_OBJECT = Object.freeze({ type: 'object', properties: { answer: { type: 'string' } } })

const partsOf = (content: Body): readonly Body[] => content['parts'] as readonly Body[]

/** The engine reads JSON Schema: types are in small letters there. */
function lowered(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(lowered)
  if (!isObject(schema)) return schema
  return Object.fromEntries(Object.entries(schema).map(([name, rule]) => [name, name === 'type' && typeof rule === 'string' ? rule.toLowerCase() : lowered(rule)]))
}

function readToolChoice(config: unknown): Prompt['toolChoice'] {
  const calling = isObject(config) ? config['functionCallingConfig'] : null
  if (!isObject(calling)) return 'auto'
  const names = (calling['allowedFunctionNames'] ?? []) as readonly string[]
  switch (String(calling['mode']).toUpperCase()) {
    case 'ANY': return names.length === 1 ? { name: names[0] ?? '' } : 'required'
    case 'NONE': return 'none'
    default: return 'auto'
  }
}

/** What a function said: the text that its client wrapped, or the object. */
function resultText(response: Body): string {
  const said = response['response'] as Body
  const wrapped = said['output'] ?? said['error'] ?? (said['name'] === response['name'] ? said['content'] : undefined)
  return typeof wrapped === 'string' ? wrapped : JSON.stringify(said)
}

const textOf = (parts: readonly Body[]): string => parts.map(partText).join('')

function partText(part: Body): string {
  const { inlineData: inline, fileData: file, text } = part
  if (isObject(inline)) return describeMedia({ mediaType: String(inline['mimeType']), base64: String(inline['data']) })
  if (isObject(file)) return describeMedia({ url: String(file['fileUri']) })
  return typeof text === 'string' ? text : ''
}
