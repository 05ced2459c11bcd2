import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { sendRaw } from '../harness/http-client.ts'
import { answerJson, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

/** How a provider says that a credential is of no use; `reason`: why it rests; `told`: what the client is told when all of them do. */
const REFUSALS = [
  { what: 'an unknown key', status: 401, code: 'invalid_api_key', reason: 'unauthorized', told: 502 },
  { what: 'an unpaid bill', status: 402, code: 'billing_not_active', reason: 'quota', told: 429 },
  { what: 'a model that the key may not use', status: 403, code: 'permission_denied', reason: 'forbidden', told: 502 },
  { what: 'a spent quota', status: 429, code: 'insufficient_quota', reason: 'quota', told: 429 },
] as const
const LANES = [{ lane: 'the fast lane', path: '/v1/chat/completions' }, { lane: 'another dialect', path: '/v1/messages' }] as const
const CASES = LANES.flatMap(({ lane, path }, index) => REFUSALS.map(refusal => ({ ...refusal, lane, path, provider: `p${refusal.code}${index}`.replaceAll('_', '') })))
const SECRETS = ['sk-rotated-first-0123456789', 'sk-rotated-second-0123456789', 'sk-rotated-third-0123456789'] as const

let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    args: ['--workers', '1', '--no-sandbox'],
    // A provider of its own for each: a credential that rests does so at all its models.
    config: upstream => ({ providers: Object.fromEntries(CASES.map(({ provider }) => [provider, { base_url: upstream.url, credentials: SECRETS }])), models: {}, relay: { max_attempts: 4 } }),
  })
}, 20_000)
afterAll(() => rig?.stop())

const refuses = (good: readonly string[], status: number, code: string): Script => (socket, request) => {
  const answer = good.some(secret => request.head.includes(secret)) ? answerJson(completion('served')) : answerJson({ error: { message: `no: ${SECRETS[0]}`, type: code, code } }, { status })
  return answer(socket, request)
}
const ask = (path: string, model: string) => sendRaw(rig.headrace.port, { path, body: chatBody(model, { max_tokens: 9 }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
async function resting(provider: string): Promise<readonly unknown[]> {
  const { targets, credentials } = (await rig.headrace.admin('/targets')).body as { targets: { target: string, credentials: { reason: string }[] }[], credentials: { credential: string, reason: string }[] }
  return [...credentials.filter(({ credential }) => credential.startsWith(`${provider}#`)), ...targets.filter(({ target }) => target.startsWith(`${provider}/`)).flatMap(({ credentials: pairs }) => pairs)].map(({ reason }) => reason)
}

describe.each(CASES)('$what ($status), in $lane', ({ path, provider, status, code, told }) => {
  const model = `${provider}/m`

  it('leads to the next credential, and the refused ones rest', async () => {
    rig.upstream.on('m', refuses([SECRETS[2]], status, code))
    const before = rig.upstream.of('m').length
    expect((await ask(path, model)).status).toBe(200)
    expect(rig.upstream.of('m').slice(before).map(({ head }) => SECRETS.findIndex(secret => head.includes(secret)))).toEqual([0, 1, 2])
    const between = rig.upstream.of('m').length
    expect((await ask(path, model)).status).toBe(200)
    expect(rig.upstream.of('m').length - between).toBe(1)
  })

  it('of the last one is an error of the gateway, not of the client\'s key, and tells no secret', async () => {
    rig.upstream.on('m', refuses([], status, code))
    const answer = await ask(path, model)
    expect(answer.status).toBe(told)
    expect(answer.body.toString()).not.toContain('sk-rotated')
    expect(JSON.parse(answer.body.toString())).toMatchObject(path === '/v1/messages' ? { type: 'error' } : { error: { message: expect.any(String) as string } })
  })
})

it('people see which ones rest, and why', async () => {
  for (const { provider, reason } of CASES) await until(`${provider} to be shown`, async () => (await resting(provider)).filter(found => found === reason).length === SECRETS.length)
})
