import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

const OTHER_ADMIN = 'hr_test_other_admin_0123456789abcdef'
const OTHER_CLIENT = 'hr_test_other_client_0123456789abcde'
const NARROW = 'hr_test_narrow_0123456789abcdefghijk'
let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    config: () => ({
      keys: [
        { name: 'other-admin', key: OTHER_ADMIN, tenant: 'other', scopes: ['inference', 'admin'] }, { name: 'other-client', key: OTHER_CLIENT, tenant: 'other' },
        { name: 'narrow', key: NARROW, models: ['single-*'] },
      ],
    }),
  })
  rig.upstream.on('*', answerJson(completion('x')))
}, 20_000)
afterAll(() => rig?.stop())

const as = (key: string): readonly (readonly [string, string])[] => [['authorization', `Bearer ${key}`], ['content-type', 'application/json']]
const logsAs = async (key: string, query: string): Promise<{ status: number, text: string }> => {
  const answer = await fetch(`${rig.headrace.url}/admin/v1/logs?${query}`, { headers: { authorization: `Bearer ${key}` } })
  return { status: answer.status, text: await answer.text() }
}

describe('tenants', () => {
  it('see their own calls and nobody else\'s, by whatever filter', async () => {
    await rig.post(chatBody('up/mine'), [['x-request-id', 'mine-1']])
    await rig.post(chatBody('up/theirs'), [], { headers: [...as(OTHER_CLIENT), ['x-request-id', 'theirs-1']] })
    const [mine] = await rig.headrace.logs('model=up/mine')
    expect(mine?.tenant).toBe('default')
    for (const query of ['model=up/theirs', 'request_id=theirs-1', 'tenant=other&model=up/theirs', 'limit=1000']) {
      expect((await logsAs(OTHER_ADMIN, query)).text).not.toContain('mine-1')
      const { body } = await rig.headrace.admin(`/logs?${query}`)
      expect(JSON.stringify(body)).not.toContain('theirs-1')
    }
  })

  it('a foreign id and an unknown id answer the same', async () => {
    await rig.post(chatBody('up/same'), [['x-request-id', 'same-1']])
    const [mine] = await rig.headrace.logs('model=up/same')
    for (const query of [['request_id=same-1', 'request_id=never-1'], [`key_id=${mine?.keyId}`, 'key_id=nobody']] as const) {
      const [foreign, unknown] = await Promise.all(query.map(each => logsAs(OTHER_ADMIN, each)))
      expect(foreign).toEqual(unknown)
    }
  })
})

describe('a key that may call some models only', () => {
  it('calls those, and is refused the others', async () => {
    expect((await rig.post(chatBody('single-x'), [], { headers: as(NARROW) })).status).toBe(200)
    const refused = await rig.post(chatBody('up/x'), [], { headers: as(NARROW) })
    expect([403, 404]).toContain(refused.status)
    const unknown = await rig.post(chatBody('up/y'), [], { headers: as(NARROW) })
    expect(unknown.status).toBe(refused.status)
  })
})
