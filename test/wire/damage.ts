import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { readCase, translateAnswer, translateRequest, type WireCase } from './wire-case.ts'

/** Every golden case. */
export function readCases(): readonly WireCase[] {
  const root = new URL('.', import.meta.url)
  return readdirSync(root, { withFileTypes: true }).filter(entry => entry.isDirectory())
    .flatMap(({ name: folder }) => readdirSync(new URL(`${folder}/`, root)).map(name => readCase(folder, new URL(`${folder}/${name}`, root).pathname)))
}

/** Bytes changed, taken out, doubled or put in. */
const edits = fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), how: fc.nat(3), byte: fc.nat(255), size: fc.nat(40) }), { minLength: 1, maxLength: 4 })
type Edit = { readonly at: number, readonly how: number, readonly byte: number, readonly size: number }

function mutate(bytes: Buffer, list: readonly Edit[]): Buffer {
  for (const { at, how, byte, size } of list) {
    const start = Math.floor(at * bytes.length)
    const piece = bytes.subarray(start, start + size)
    if (how === 0) bytes = Buffer.concat([bytes.subarray(0, start), Buffer.of(byte), bytes.subarray(start + 1)])
    else if (how === 1) bytes = Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + size)])
    else if (how === 2) bytes = Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(start)])
    else bytes = Buffer.concat([bytes.subarray(0, start), Buffer.from(['{', '"', '\n\n', '[]', 'null', '\\u0000'][byte % 6] ?? ''), bytes.subarray(start)])
  }
  return bytes
}

/** A provider's damaged bytes make an answer or an error, and nothing else. */
export function damageAnswers(cases: readonly WireCase[], runs: number): void {
  fc.assert(fc.property(fc.constantFrom(...cases), edits, (wire, list) => {
    expect(translateAnswer(wire, [mutate(Buffer.from(wire.reads.join('')), list)])).toMatch(/^(\d{3}\n|refused: )/)
  }), { numRuns: runs })
}

/** A client's damaged request makes a request that is valid JSON, or an error. */
export function damageRequests(cases: readonly WireCase[], runs: number): void {
  // A request to a target of its own dialect goes on as it is: the provider refuses what is not JSON.
  const translated = cases.filter(({ client, provider }) => client !== provider)
  fc.assert(fc.property(fc.constantFrom(...translated), edits, (wire, list) => {
    const { text } = translateRequest({ ...wire, request: mutate(Buffer.from(wire.request), list).toString('utf8') })
    if (!text.startsWith('refused: ')) JSON.parse(text)
  }), { numRuns: runs })
}
