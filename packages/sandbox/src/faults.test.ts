import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from './main.ts'

let sandbox: Sandbox
beforeAll(async () => { sandbox = await startSandbox() })
afterAll(() => sandbox.close())

interface Raw {
  readonly text: string
  /** How the connection ended: FIN, RST, or our own patience. */
  readonly end: 'fin' | 'reset' | 'silent'
  readonly firstByteMs: number
}

/** One request on a raw socket (`connection: close`), read to the end or for `patienceMs`. */
function ask(model: string, options: { stream?: boolean, patienceMs?: number, messages?: readonly object[] } = {}): Promise<Raw> {
  const { stream = true, patienceMs = 4000, messages = [{ role: 'user', content: 'hi' }] } = options
  const body = JSON.stringify({ model, messages, stream, stream_options: stream ? { include_usage: true } : undefined })
  return new Promise((resolve) => {
    const start = performance.now()
    let firstByteMs = -1
    let text = ''
    const socket = connect(sandbox.port, sandbox.host)
    const finish = (end: Raw['end']): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ text, end, firstByteMs })
    }
    const timer = setTimeout(() => { finish('silent') }, patienceMs)
    socket.on('data', (chunk) => {
      if (firstByteMs < 0) firstByteMs = performance.now() - start
      text += chunk.toString('latin1')
    })
    socket.on('end', () => { finish('fin') })
    socket.on('error', () => { finish('reset') })
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  })
}

const tokensOf = (raw: Raw): number => raw.text.split('"content":"').length - 2
const HEAD = 'HTTP/1.1 200 OK'
const LAST_CHUNK = '\r\n0\r\n\r\n'

describe('fault modes on the wire', () => {
  it('answers with a status and Retry-After the first time only (S01, S03)', async () => {
    const model = 'fault:status=429,retry_after=2,times=1,id=s01'
    const first = await ask(model)
    expect(first.text).toMatch(/^HTTP\/1.1 429 /)
    expect(first.text.toLowerCase()).toContain('retry-after: 2\r\n')
    expect(first.text).toContain('"code":"rate_limit_exceeded"')
    expect((await ask(model)).text).toContain(HEAD)
  })

  it.each([
    ['seconds', /\r\nretry-after: 2\r\n/], ['date', /\r\nretry-after: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/], ['ms', /\r\nretry-after-ms: 2000\r\n/], ['words', /\r\nretry-after: [a-z]+\r\n/],
  ])('says Retry-After in %s', async (form, line) => {
    expect((await ask(`fault:status=429,retry_after=2,retry_form=${form}`)).text).toMatch(line)
  })

  it('answers with an error under status 200', async () => {
    const { text } = await ask('lorem:error_body')
    expect(text).toContain(HEAD)
    expect(text).toMatch(/\{"error":\{"message":/)
  })

  it('is put into a condition as a whole, which goes before what names say, and is healed', async () => {
    const url = `http://${sandbox.host}:${sandbox.port}/sandbox/condition`
    const put = await fetch(url, { method: 'PUT', body: 'status=503,times=1,tokens=3' })
    expect([put.status, await put.json()]).toEqual([200, { parameters: 'status=503,times=1,tokens=3' }])
    expect((await ask('lorem:tokens=40')).text).toMatch(/^HTTP\/1.1 503 /)
    expect(tokensOf(await ask('lorem:tokens=40'))).toBe(3)
    const refused = await fetch(url, { method: 'PUT', body: 'status=7' })
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('from 200 to 599')])
    expect(await (await fetch(url)).json()).toEqual({ parameters: 'status=503,times=1,tokens=3' })
    await fetch(url, { method: 'DELETE' })
    expect(tokensOf(await ask('lorem:tokens=40'))).toBe(40)
  })

  it('stays faulty for a time, then is healthy (S15)', async () => {
    const model = 'fault:status=503,for=300ms'
    expect((await ask(model)).text).toMatch(/^HTTP\/1.1 503 /)
    await expect.poll(async () => (await ask(model)).text.startsWith(HEAD), { timeout: 3000 }).toBe(true)
  })

  it.each([
    ['fault:context_length', 400, 'context_length_exceeded'],
    ['fault:content_policy', 400, 'content_policy_violation'],
    ['fault:status=401', 401, 'invalid_api_key'],
    ['fault:html', 502, '<html>'],
    ['fault:html,status=200', 200, '<html>'],
  ])('%s answers %i with %s', async (model, status, text) => {
    const raw = await ask(model)
    expect(raw.text.startsWith(`HTTP/1.1 ${status} `)).toBe(true)
    expect(raw.text).toContain(text)
  })

  it('resets before the head (S05)', async () => {
    expect(await ask('fault:reset=before-head')).toMatchObject({ text: '', end: 'reset' })
  })

  it('never answers (S06)', async () => {
    expect(await ask('fault:hang=accept', { patienceMs: 300 })).toMatchObject({ text: '', end: 'silent' })
  })

  it('sends the head at once and the first token late (S07)', async () => {
    const hung = await ask('fault:hang=head', { patienceMs: 300 })
    expect([hung.end, hung.text.includes(HEAD), hung.text.includes('data:')]).toEqual(['silent', true, false])
    const late = await ask('fault:first_token=1500ms,tokens=3')
    expect(late.firstByteMs).toBeLessThan(1_400)
    expect(late.text).toContain('[DONE]')
  })

  it('resets in the middle, after exactly the tokens asked for (S08)', async () => {
    const raw = await ask('fault:reset=mid,after=40')
    expect([raw.end, tokensOf(raw), raw.text.includes('[DONE]')]).toEqual(['reset', 40, false])
  })

  it('closes in the middle of an event, without the last chunk', async () => {
    const raw = await ask('fault:close_mid_event,after=5')
    expect(raw.end).toBe('fin')
    expect(raw.text.endsWith(LAST_CHUNK)).toBe(false)
    expect(tokensOf(raw)).toBeLessThanOrEqual(6)
  })

  it('ends cleanly framed but unfinished', async () => {
    const raw = await ask('fault:cut,after=5')
    expect([raw.end, tokensOf(raw), raw.text.includes('[DONE]'), raw.text.includes('"finish_reason":"')]).toEqual(['fin', 5, false, false])
    expect(raw.text.endsWith(LAST_CHUNK)).toBe(true)
  })

  it('goes silent in the middle, for good or for a while (S09)', async () => {
    const hung = await ask('fault:hang=mid,after=3', { patienceMs: 300 })
    expect([hung.end, tokensOf(hung)]).toEqual(['silent', 3])
    const start = performance.now()
    const stalled = await ask('fault:stall=300ms,after=3,tokens=6')
    expect(performance.now() - start).toBeGreaterThanOrEqual(290)
    expect([tokensOf(stalled), stalled.text.includes('[DONE]')]).toEqual([6, true])
  })

  it('puts one event that is not JSON before the tenth and loses none of the answer (S10)', async () => {
    const raw = await ask('fault:bad_json=10')
    const events = raw.text.split('\n').filter((line) => line.startsWith('data: {'))
    const broken = events.flatMap((line, i) => { try { JSON.parse(line.slice(6)); return [] } catch { return [i + 1] } })
    expect(broken).toEqual([10])
    expect(raw.text).toContain('[DONE]')
  })

  it('leaves out the terminator only (S11)', async () => {
    const raw = await ask('fault:no_done')
    expect([raw.end, raw.text.includes('[DONE]'), raw.text.includes('"total_tokens"'), raw.text.endsWith(LAST_CHUNK)]).toEqual(['fin', false, true, true])
  })

  it('sends an error event in the middle', async () => {
    const raw = await ask('fault:error_event,after=4')
    expect([tokensOf(raw), raw.text.includes('data: {"error"'), raw.text.includes('[DONE]')]).toEqual([4, true, false])
  })

  it('refuses a prefill (S14)', async () => {
    const raw = await ask('lorem:no_prefill', { messages: [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'Well' }] })
    expect(raw.text).toMatch(/^HTTP\/1.1 400 /)
  })

  it('trickles byte by byte and still says everything', async () => {
    const raw = await ask('fault:trickle,tokens=2', { stream: true, patienceMs: 20_000 })
    expect(raw.text).toContain('\r\n1\r\nd\r\n')
    expect(raw.text.endsWith(LAST_CHUNK)).toBe(true)
  }, 25_000)

  it.each([
    ['reset=mid', 'reset'], ['close_mid_event', 'fin'], ['cut', 'fin'],
  ])('breaks a JSON answer off in the middle with %s', async (fault, end) => {
    const raw = await ask(`fault:${fault}`, { stream: false })
    expect(raw.end).toBe(end)
    const [head = '', body = ''] = raw.text.split('\r\n\r\n')
    expect(body.length).toBeLessThan(Number(/content-length: (\d+)/i.exec(head)?.[1]))
  })
})
