import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CertificateWatch } from './certificate-watch.ts'
import { readCertificate, type Certificate } from './certificate.ts'

let issued = ''
beforeAll(() => {
  issued = mkdtempSync(join(tmpdir(), 'headrace-certificate-'))
  for (const name of ['one', 'two']) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}.test`,
      '-keyout', join(issued, `${name}.key`), '-out', join(issued, `${name}.crt`)], { stdio: 'ignore' })
  }
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', join(issued, 'one.key'), '-passout', 'pass:secret-of-a-test', '-out', join(issued, 'locked.key')], { stdio: 'ignore' })
})
afterAll(() => rmSync(issued, { recursive: true, force: true }))
const text = (name: string): string => readFileSync(join(issued, name), 'utf8')

describe('readCertificate', () => {
  test('a pair that belongs together is taken as it is', () => {
    expect(readCertificate({ cert: join(issued, 'one.crt'), key: join(issued, 'one.key') })).toEqual({ cert: text('one.crt'), key: text('one.key') })
  })

  test.each([
    ['a missing certificate', 'none.crt', 'one.key', /certificate \S+none\.crt cannot be read \(ENOENT\)/],
    ['a missing key', 'one.crt', 'none.key', /private key \S+none\.key cannot be read \(ENOENT\)/],
    ['a folder', '.', 'one.key', /certificate \S+ cannot be read \(EISDIR\)/],
    ['a key of another certificate', 'one.crt', 'two.key', /two\.key does not belong to the certificate \S+one\.crt/],
    ['files swapped', 'one.key', 'one.crt', /one\.key is not a PEM certificate .* swapped/],
    ['a key with a passphrase', 'one.crt', 'locked.key', /locked\.key is not a PEM private key .* passphrase are not supported/],
  ])('%s is an error with the path', (_name, cert, key, message) => {
    expect(() => readCertificate({ cert: join(issued, cert), key: join(issued, key) })).toThrow(message)
  })

  test.each([
    ['an empty file', '', /holds no PEM block/],
    ['a certificate cut off', () => text('one.crt').slice(0, 200), /is not a PEM certificate/],
    ['a chain whose second certificate is damaged', () => text('one.crt') + text('two.crt').replace(/\n..../, '\nAAAA'), /cannot be used .* every certificate of the chain/],
    ['a file of two mebibytes', '-----BEGIN '.padEnd(2 ** 21), /cannot be read \(2097152 bytes\)/],
  ])('%s is an error with the path', (_name, content, message) => {
    const cert = join(issued, 'bad.crt')
    writeFileSync(cert, typeof content === 'string' ? content : content())
    expect(() => readCertificate({ cert, key: join(issued, 'one.key') })).toThrow(message)
    expect(() => readCertificate({ cert, key: join(issued, 'one.key') })).toThrow(cert)
  })
})

describe('CertificateWatch', () => {
  let home = ''
  let heard: (Certificate | string)[] = []
  let wake: () => void = () => {}
  const tell = (what: Certificate | string): void => {
    heard.push(what)
    wake()
  }
  const watch = new CertificateWatch({ onRenewed: tell, onProblem: tell })
  const next = async (): Promise<Certificate | string> => {
    if (heard.length === 0) await new Promise<void>(resolve => { wake = resolve })
    const first = heard.shift()
    if (first === undefined) throw new Error('woken for nothing')
    return first
  }
  const put = (name: string, content: string): void => {
    writeFileSync(join(home, '.new'), content)
    renameSync(join(home, '.new'), join(home, name))
  }
  const pair = (name: string): Certificate => ({ cert: text(`${name}.crt`), key: text(`${name}.key`) })
  const follow = (directory: string): void => {
    const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') }
    watch.follow(files, readCertificate(files))
  }
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'headrace-watch-'))
    heard = []
  })
  afterEach(() => {
    watch.close()
    rmSync(home, { recursive: true, force: true })
  })

  test('files replaced by rename are a renewal, once', async () => {
    put('tls.crt', text('one.crt'))
    put('tls.key', text('one.key'))
    follow(home)
    put('tls.crt', text('two.crt'))
    put('tls.key', text('two.key'))
    expect(await next()).toEqual(pair('two'))
    put('tls.crt', text('one.crt'))
    put('tls.key', text('one.key'))
    expect(await next()).toEqual(pair('one'))
    expect(heard).toEqual([])
  })

  test.each([
    ['the files named through it', 'link/tls'],
    ['the files being links into it', 'tls'],
  ])('a directory swapped by symlink, as Kubernetes does, is a renewal every time: %s', async (_name, kind) => {
    const generation = (number: number, name: string): void => {
      mkdirSync(join(home, `generation-${number}`))
      for (const end of ['crt', 'key']) writeFileSync(join(home, `generation-${number}`, `tls.${end}`), text(`${name}.${end}`))
      symlinkSync(`generation-${number}`, join(home, 'link-new'))
      renameSync(join(home, 'link-new'), join(home, 'link'))
      if (number > 1) rmSync(join(home, `generation-${number - 1}`), { recursive: true })
    }
    generation(1, 'one')
    for (const end of ['crt', 'key']) symlinkSync(`link/tls.${end}`, join(home, `tls.${end}`))
    follow(kind === 'tls' ? home : join(home, 'link'))
    generation(2, 'two')
    expect(await next()).toEqual(pair('two'))
    generation(3, 'one')
    expect(await next()).toEqual(pair('one'))
  })

  test('a directory removed and made anew is still watched', async () => {
    const inner = join(home, 'inner')
    const fill = (name: string): void => {
      mkdirSync(inner)
      for (const end of ['crt', 'key']) writeFileSync(join(inner, `tls.${end}`), text(`${name}.${end}`))
    }
    fill('one')
    follow(inner)
    rmSync(inner, { recursive: true })
    expect(await next()).toMatch(/cannot be read/)
    fill('two')
    expect(await next()).toEqual(pair('two'))
  }, 30_000)

  test('while a renewal is broken, the followed files give what is in use, and others are read', () => {
    const files = { cert: join(home, 'tls.crt'), key: join(home, 'tls.key') }
    put('tls.crt', text('one.crt'))
    put('tls.key', text('one.key'))
    watch.follow(files, watch.take(files))
    put('tls.crt', 'cut off')
    expect(watch.take({ ...files })).toEqual(pair('one'))
    expect(() => watch.take({ cert: join(home, 'other.crt'), key: files.key })).toThrow(/other\.crt cannot be read/)
    expect(watch.take(null)).toBeNull()
    watch.close()
    expect(() => watch.take(files)).toThrow(/tls\.crt holds no PEM block/)
  })

  test('a broken pair is told of once and keeps nobody from taking the good one after it', async () => {
    put('tls.crt', text('one.crt'))
    put('tls.key', text('one.key'))
    follow(home)
    put('tls.key', text('two.key'))
    expect(await next()).toMatch(/does not belong/)
    put('touched', '')
    put('tls.crt', text('two.crt'))
    expect(await next()).toEqual(pair('two'))
    expect(heard).toEqual([])
  })
})
