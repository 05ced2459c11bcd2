import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { completion } from '../harness/completions.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { API_KEY, REPOSITORY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => ({ contexts: {} }) }) }, 20_000)
afterAll(() => rig?.stop())

/** Runs an example as its first lines say; returns what it printed. */
async function run(name: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(REPOSITORY, 'examples', `${name}.ts`)], { env: { PATH: process.env['PATH'], HEADRACE_URL: rig.headrace.url, HEADRACE_KEY: API_KEY, MODEL: `up/${name}` } })
  return stdout.trim().split('\n')
}
const asked = (name: string): { role: string, content: string }[][] => rig.upstream.of(name).map(({ body }) => (JSON.parse(body.toString()) as { messages: { role: string, content: string }[] }).messages)
const says = (text: string) => answerJson(completion(text))

it('support chatbot: the application sends each sentence once, and nothing is lost between two windows', async () => {
  rig.upstream.on('support-chatbot', says('Sorry to hear that.'), says('Ada.'), says('Twenty.'))
  expect(await run('support-chatbot')).toEqual(['bot: Sorry to hear that.', 'bot: Ada.', 'meanwhile: user: What did I say my name is? | assistant: Ada.', 'bot: Twenty.'])
  expect(asked('support-chatbot').at(-1)?.map(({ content }) => content)).toEqual([
    'You answer customers of a bicycle shop, in one sentence.', 'My name is Ada and my chain broke.', 'Sorry to hear that.', 'What did I say my name is?', 'Ada.', 'How much is a new one?',
  ])
})

it('coding assistant: the provider sees the whole conversation, of which most was not sent', async () => {
  const reads = (id: string) => answerJson(completion('', { choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'read_file', arguments: '{"path":"sum.ts"}' } }] }, finish_reason: 'tool_calls' }] }))
  rig.upstream.on('coding-assistant', reads('call_1'), reads('call_2'), says('It subtracts.'))
  const printed = await run('coding-assistant')
  expect(printed.slice(0, 3)).toEqual(['reads sum.ts', 'reads sum.ts', 'assistant: It subtracts.'])
  const [, sent = '', whole = ''] = /^sent (\d+) of (\d+) bytes$/.exec(printed[3] ?? '') ?? []
  expect(Number(sent)).toBeLessThan(Number(whole) / 5)
  expect(asked('coding-assistant').map(messages => messages.map(({ role }) => role))).toEqual([['system', 'user'], ['system', 'user', 'assistant', 'tool'], ['system', 'user', 'assistant', 'tool', 'assistant', 'tool']])
})

it('two analysts: both findings are there when the model is asked', async () => {
  rig.upstream.on('two-analysts', says('All is well.'))
  const printed = await run('two-analysts')
  expect(printed).toEqual(expect.arrayContaining(['trend has reported', 'regions has reported']))
  expect(printed.at(-1)).toBe('summary: All is well.')
  expect(asked('two-analysts')[0]?.map(({ content }) => content.replace(/:.*/, ''))).toEqual(expect.arrayContaining(['trend', 'regions', 'Summarise.']))
})
