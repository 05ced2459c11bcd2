import type { Body } from '../dialect.ts'
import { NO_SIGNATURE, signatureOf, TEXT } from './signature.ts'

/** What holds something: a part has one of them. */
const DATA: readonly string[] = ['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult', 'toolCall', 'toolResponse', 'audioTranscription']

const partsOf = (turn: Body | undefined): readonly Body[] => (turn?.['parts'] ?? []) as readonly Body[]
const held = (turn: Body | undefined, name: string): readonly Body[] => partsOf(turn).flatMap((part) => part[name] === undefined ? [] : [part[name] as Body])

/** What is wrong with a conversation whose shape is right; null = nothing. */
export function checkContents(body: Body): string | null {
  const turns = (body['contents'] ?? []) as readonly Body[]
  for (const [at, turn] of turns.entries()) {
    const role = turn['role']
    if (role !== undefined && role !== '' && role !== 'user' && role !== 'model' && role !== 'function') return 'Please use a valid role: user, model.'
    const problem = checkParts(turn, at) ?? checkCalls(turns, at)
    if (problem !== null) return problem
  }
  return null
}

function checkParts(turn: Body, at: number): string | null {
  for (const [index, part] of partsOf(turn).entries()) {
    const place = `contents[${at}].parts[${index}]`
    const data = DATA.filter((name) => part[name] !== undefined)
    if (data.length === 0) return `${place}.data: required oneof field 'data' must have one initialized field`
    if (data.length > 1) return `Invalid value at '${place}' (oneof), oneof field 'data' is already set. Cannot set '${data[1] ?? ''}'`
    if (turn['role'] !== 'model' && part['text'] === '') return `${place}: Unable to submit request because it must have a text parameter.`
    const signature = part['thoughtSignature']
    if (signature !== undefined && !isSigned(part, String(signature))) return `${place}: Corrupted thought signature.`
  }
  return null
}

function isSigned(part: Body, signature: string): boolean {
  const call = part['functionCall'] as Body | undefined
  return signature === NO_SIGNATURE || signature === signatureOf(call === undefined ? TEXT : String(call['name']))
}

/** Calls follow the user or the answers to other calls; every one of them is answered in the next turn. */
function checkCalls(turns: readonly Body[], at: number): string | null {
  const calls = held(turns[at], 'functionCall')
  const answers = held(turns[at], 'functionResponse')
  if (calls.length > 0) {
    if (turns[at]?.['role'] !== 'model') return `contents[${at}]: function calls are the model's.`
    if (at === 0 || turns[at - 1]?.['role'] === 'model') return 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.'
    if (held(turns[at + 1], 'functionResponse').length !== calls.length) return 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.'
  }
  if (answers.length === 0) return null
  const due = held(turns[at - 1], 'functionCall')
  if (due.length === 0) return 'Please ensure that function response turn comes immediately after a function call turn.'
  const open = [...due]
  for (const answer of answers) {
    const match = open.findIndex((call) => call['name'] === answer['name'] && (answer['id'] === undefined || call['id'] === undefined || call['id'] === answer['id']))
    if (match < 0) return `contents[${at}]: function response ${String(answer['name'])} answers no function call of the turn before it.`
    open.splice(match, 1)
  }
  return null
}
