import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatewayError } from '@headrace/contract'
import { UploadSpool, type SpooledBody } from './upload-spool.ts'

let directory = ''
beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'headrace-spool-')) })
afterAll(() => rm(directory, { recursive: true }))

const START = { bytes: Buffer.from('start '), whole: false }
const spool = (mostBytes?: number): UploadSpool => new UploadSpool(join(directory, 'uploads'), () => undefined, mostBytes)
const text = async (body: SpooledBody, from = 0, to = body.size): Promise<string> => Buffer.concat(await Array.fromAsync(body.read(from, to))).toString()
const pieces = (...texts: readonly string[]): Readable => Readable.from(texts.map(piece => Buffer.from(piece)), { objectMode: false })

describe('a body that is put aside', () => {
  it('is read again, whole and in part, as often as it is asked for; its file has no name', async () => {
    const uploads = spool()
    const taken = await uploads.take(START, pieces('and ', 'rest'), 100, () => null)
    const body = taken.ok ? taken.value : expect.unreachable()
    expect([body.size, uploads.bytes]).toEqual([14, 14])
    expect(await readdir(join(directory, 'uploads'))).toEqual([])
    expect(await Promise.all([text(body), text(body), text(body, 6, 9), text(body, 3, 3)])).toEqual(['start and rest', 'start and rest', 'and', ''])
    body.close()
    body.close()
    expect(uploads.bytes).toBe(0)
    await expect(text(body)).rejects.toThrow()
  })

  it.each([
    { what: 'is longer than bodies may be', maxBytes: 12, mostBytes: 100, kind: 'body-too-large' },
    { what: 'does not fit beside the others', maxBytes: 100, mostBytes: 12, kind: 'overloaded' },
    { what: 'is not fit to go on', maxBytes: 100, mostBytes: 100, kind: 'invalid-request' },
  ])('that $what is refused, and its room is free again', async ({ maxBytes, mostBytes, kind }) => {
    const uploads = spool(mostBytes)
    const inspect = (chunk: Buffer): ReturnType<typeof gatewayError> | null => kind === 'invalid-request' && chunk.includes('rest') ? gatewayError('invalid-request', 'No.') : null
    const rest = pieces('and ', 'rest')
    expect(await uploads.take(START, rest, maxBytes, inspect)).toMatchObject({ ok: false, error: { kind } })
    // Its client is still to be answered.
    expect([uploads.bytes, rest.destroyed]).toEqual([0, false])
  })

  it('whose client leaves has its room back', async () => {
    const uploads = spool()
    const rest = new Readable({ read: () => undefined })
    const taken = uploads.take(START, rest, 100, () => null)
    rest.push('and ')
    rest.destroy()
    expect((await taken).ok).toBe(false)
    expect(uploads.bytes).toBe(0)
  })

  it('where nothing can be written says so, with what to do', async () => {
    await writeFile(join(directory, 'file'), '')
    const taken = await new UploadSpool(join(directory, 'file'), () => undefined).take(START, pieces('rest'), 100, () => null)
    expect(taken).toMatchObject({ ok: false, error: { kind: 'overloaded', message: expect.stringMatching(/EEXIST.*Put "model" before the file/) as string } })
  })
})
