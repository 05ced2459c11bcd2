import { afterEach, describe, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY } from '../harness/start-headrace.ts'
import { rigConfig, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig | null = null
afterEach(async () => {
  await rig?.stop()
  rig = null
})

const PATHS = ['/admin/v1/status', '/admin/v1/openapi.json', '/metrics', '/'] as const
const as = (key: string): { readonly headers: Readonly<Record<string, string>> } => ({ headers: { authorization: `Bearer ${key}` } })
const statuses = (base: string, key: string): Promise<number[]> => Promise.all(PATHS.map(async path => (await fetch(`${base}${path}`, as(key))).status))
const told = (): string => /Admin API, metrics and page: (http:\/\/127\.0\.0\.1:\d+)/.exec(rig?.headrace.output() ?? '')?.[1] ?? ''

async function start(listen: string | number): Promise<{ readonly outside: string, readonly inside: string }> {
  rig = await startRig({ config: () => ({ admin: { listen } }) })
  rig.upstream.on('m', answerJson(completion('x')))
  return { outside: rig.headrace.url, inside: await until('the address', () => told()) }
}

describe('with an address of its own the admin surface', () => {
  it('is there and nowhere else, with the same rights, and model calls are only on the public port', { timeout: 30_000 }, async () => {
    const { outside, inside } = await start(0)
    expect(await statuses(inside, ADMIN_KEY)).toEqual([200, 200, 200, 200])
    expect(await statuses(inside, API_KEY)).toEqual([403, 403, 403, 200])
    expect(await statuses(inside, 'nobody')).toEqual([401, 401, 401, 200])
    expect(await statuses(outside, ADMIN_KEY)).toEqual([404, 404, 404, 404])
    for (const path of ['/admin%2fv1/status', '//admin/v1/status', '/metrics/', '/admin/v1/']) expect([400, 404]).toContain((await fetch(`${outside}${path}`, as(ADMIN_KEY))).status)
    const call = (base: string): Promise<Response> => fetch(`${base}/v1/chat/completions`, { method: 'POST', headers: { ...as(API_KEY).headers, 'content-type': 'application/json' }, body: chatBody('up/m') })
    expect([(await call(outside)).status, (await call(inside)).status]).toEqual([200, 403])
    expect([(await fetch(`${outside}/healthz`)).status, (await fetch(`${outside}/readyz`)).status]).toEqual([200, 200])
  })

  it('changes its address with a restart only, and says so; the control process that succeeds one that died listens there again', { timeout: 60_000 }, async () => {
    const { outside, inside } = await start(0)
    const port = Number(new URL(inside).port)
    const { status, body } = await reload(inside, { admin: {} })
    expect(status).toBe(200)
    expect(JSON.stringify(body)).toContain('`admin.listen` needs a restart')
    expect([await statuses(inside, ADMIN_KEY), await statuses(outside, ADMIN_KEY)]).toEqual([[200, 200, 200, 200], [404, 404, 404, 404]])

    expect((await reload(inside, { admin: { listen: port } })).status).toBe(200)
    await rig?.headrace.kill9('control')
    await until('another control process', async () => (await statuses(inside, ADMIN_KEY).catch(() => [])).every(found => found === 200), 30_000)
  })
})

/** Writes the file and has it read. */
async function reload(base: string, change: Readonly<Record<string, unknown>>): Promise<{ readonly status: number, readonly body: unknown }> {
  if (rig !== null) rig.headrace.writeConfig({ ...rigConfig(rig.upstream), ...change })
  const answer = await fetch(`${base}/admin/v1/reload`, { method: 'POST', ...as(ADMIN_KEY) })
  return { status: answer.status, body: await answer.json() }
}
