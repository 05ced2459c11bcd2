import type { IncomingHttpHeaders } from 'node:http'
import { isObject, type Body } from '../dialect.ts'
import { invalid, type Refusal } from '../refusal.ts'
import { object, type Flaw } from '../strict/shape.ts'
import { checkContents } from './check-contents.ts'
import { checkSchema } from './check-schema.ts'
import { COUNT, REQUEST } from './request-shape.ts'

/** A request without a key. */
export function checkCaller(headers: IncomingHttpHeaders, query: URLSearchParams): Refusal | null {
  return (headers['x-goog-api-key'] ?? query.get('key') ?? '') !== '' ? null
    : { ...invalid("Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API."), status: 403 }
}

/** A request that the vendor would refuse: the first thing that is wrong with it. `body` has JSON names. */
export function checkRequest(operation: 'content' | 'count', body: Body, headers: IncomingHttpHeaders, query: URLSearchParams): Refusal | null {
  const stranger = checkCaller(headers, query)
  if (stranger !== null) return stranger
  const flaw = object(operation === 'count' ? COUNT : REQUEST)(body, [])
  const whole = operation === 'count' ? isObject(body['generateContentRequest']) ? body['generateContentRequest'] : body : body
  const problem = flaw !== null ? wordsOf(flaw) : checkTools(whole) ?? checkFormat(whole) ?? checkThinking(whole) ?? checkContents(whole)
  return problem === null ? null : invalid(problem)
}

export function wordsOf({ path, message, kind }: Flaw): string {
  const names = path.map((name) => typeof name === 'number' ? `[${name}]` : name)
  if (kind === 'unknown') return `Invalid JSON payload received. Unknown name "${String(path.at(-1))}" at '${names.slice(0, -1).join('.')}': Cannot find field.`
  return `Invalid value at '${names.join('.')}': ${message}`
}

export function functionsOf(body: Body): readonly Body[] {
  return ((body['tools'] ?? []) as readonly Body[]).flatMap((tool) => (tool['functionDeclarations'] ?? []) as readonly Body[])
}

function checkTools(body: Body): string | null {
  const functions = functionsOf(body)
  const names = functions.map((declared) => declared['name'])
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) return `Duplicate function declaration found: ${String(twice)}`
  for (const [at, declared] of functions.entries()) {
    if (declared['parameters'] !== undefined && declared['parametersJsonSchema'] !== undefined) return `function_declarations[${at}]: only one of parameters and parameters_json_schema may be set.`
    const problem = declared['parameters'] === undefined ? null : checkSchema(declared['parameters'])
    if (problem !== null) return `Invalid JSON payload received at 'tools[0].function_declarations[${at}].parameters': ${problem}`
    const type = isObject(declared['parametersJsonSchema']) ? declared['parametersJsonSchema']['type'] : 'object'
    if (type !== undefined && type !== 'object') return `functionDeclaration parameters schema should be of type OBJECT.`
  }
  const config = body['toolConfig']
  const calling = isObject(config) ? config['functionCallingConfig'] : null
  if (!isObject(calling)) return null
  const mode = String(calling['mode'] ?? '').toUpperCase()
  if (mode === 'ANY' && functions.length === 0) return 'Function calling config is set without function_declarations.'
  const allowed = (calling['allowedFunctionNames'] ?? []) as readonly unknown[]
  if (allowed.length > 0 && mode !== 'ANY' && mode !== 'VALIDATED') return 'Please set allowed_function_names only when function calling mode is ANY or VALIDATED.'
  const unknown = allowed.find((name) => !names.includes(name))
  return unknown === undefined ? null : `allowed_function_names should be a subset of [function_declaration.name]: ${String(unknown)}`
}

function checkFormat(body: Body): string | null {
  const config = body['generationConfig']
  if (!isObject(config)) return null
  const { responseMimeType: type, responseSchema: own, responseJsonSchema: schema } = config
  if (own !== undefined && schema !== undefined) return 'Only one of response_schema and response_json_schema may be set.'
  if ((own !== undefined && type !== 'application/json' && type !== 'text/x.enum') || (schema !== undefined && type !== 'application/json')) {
    return 'Response schema is only supported with a response mime type of application/json or text/x.enum.'
  }
  if (type === 'application/json' && functionsOf(body).length > 0) return "Function calling with a response mime type: 'application/json' is unsupported"
  if (config['responseLogprobs'] === true) return 'Logprobs is not enabled for this model.'
  const problem = own === undefined ? null : checkSchema(own)
  return problem === null ? null : `Invalid JSON payload received at 'generation_config.response_schema': ${problem}`
}

function checkThinking(body: Body): string | null {
  const config = body['generationConfig']
  const thinking = isObject(config) ? config['thinkingConfig'] : null
  if (!isObject(thinking) || thinking['thinkingBudget'] === undefined || thinking['thinkingLevel'] === undefined) return null
  return 'You can only set only one of thinking budget and thinking level.'
}

/** Thoughts are asked for. */
export function thinksNow(body: Body): boolean {
  const config = body['generationConfig']
  const thinking = isObject(config) ? config['thinkingConfig'] : null
  return isObject(thinking) && Number(thinking['thinkingBudget'] ?? 1) !== 0
}
