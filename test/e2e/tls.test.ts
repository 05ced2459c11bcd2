import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY, WORKER_DIED } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let folder = ''
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-tls-'))
  for (const name of ['one', 'two']) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}.test`,
      '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)], { stdio: 'ignore' })
  }
  install('one')
  rig = await startRig({ tls: true, config: () => ({ server: { tls: { cert: join(folder, 'live.crt'), key: join(folder, 'live.key') } } }) })
  await until('the TLS port to answer', () => subject().catch(() => null), 8_000)
}, 25_000)
afterAll(async () => {
  await rig?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Puts a certificate and a key where Headrace looks for them. */
function install(certificate: string, key = certificate): void {
  replace('live.crt', readFileSync(join(folder, `${certificate}.crt`), 'utf8'))
  replace('live.key', readFileSync(join(folder, `${key}.key`), 'utf8'))
}

/** In one step, as renewal tools do. */
function replace(name: string, text: string): void {
  writeFileSync(join(folder, 'new'), text, { mode: 0o600 })
  renameSync(join(folder, 'new'), join(folder, name))
}

/** Common name of the certificate that is served now. */
function subject(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: rig.headrace.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      const name = socket.getPeerCertificate().subject.CN
      socket.destroy()
      resolve(String(name))
    })
    socket.on('error', reject)
  })
}

function post(body: string): Promise<{ status: number, text: string }> {
  const ca = ['one', 'two'].map(name => readFileSync(join(folder, `${name}.crt`)))
  return new Promise((resolve, reject) => {
    const call = request(`${rig.headrace.url}/v1/chat/completions`, { method: 'POST', ca, agent: false, headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' } }, answer => {
      let text = ''
      answer.on('data', part => { text += String(part) })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
      answer.on('error', reject)
    })
    call.on('error', reject)
    call.end(body)
  })
}

describe('TLS', () => {
  it('serves JSON and streams to a client that checks the certificate', async () => {
    rig.upstream.on('secure', answerJson(completion('over TLS')))
    expect(await post(chatBody('up/secure'))).toMatchObject({ status: 200, text: expect.stringContaining('over TLS') as string })
    const events = stream(['a', 'b'], false)
    rig.upstream.on('secure-stream', answerStream(events, 5))
    expect(await post(chatBody('up/secure-stream', { stream: true }))).toEqual({ status: 200, text: events.join('') })
  })

  it('does not answer in the clear on that port', async () => {
    await expect(fetch(`http://127.0.0.1:${rig.headrace.port}/healthz`)).rejects.toThrow()
  })

  it('takes a renewed certificate without a restart, and keeps the old one while the new is broken', { timeout: 30_000 }, async () => {
    expect(await subject()).toBe('one.test')
    install('two')
    await until('the new certificate', async () => await subject() === 'two.test', 12_000)
    expect(rig.headrace.output()).not.toMatch(WORKER_DIED)
    rig.upstream.on('renewed', answerJson(completion('still here')))
    expect((await post(chatBody('up/renewed'))).status).toBe(200)

    install('one', 'two')
    await until('the complaint about a key of another certificate', () => /live\.key does not belong to .*live\.crt/.test(rig.headrace.output()), 12_000)
    replace('live.crt', 'cut off')
    await until('the complaint about a file that is no certificate', () => /live\.crt holds no PEM block/.test(rig.headrace.output()), 12_000)
    expect(await subject()).toBe('two.test')
    expect((await post(chatBody('up/renewed'))).status).toBe(200)

    install('one')
    await until('the certificate after the broken one', async () => await subject() === 'one.test', 12_000)
    expect(rig.headrace.output()).not.toMatch(WORKER_DIED)
    expect(rig.headrace.output()).not.toContain('PRIVATE KEY')
  })
})
