/** Room for one vector, kept: memory outside of the heap is not missed by the collector until there is much of it. */
let room = new Float32Array(4_096)

/** A vector's JSON text as little-endian 32-bit floats in base64, as OpenAI and Cohere write them. */
export function toBase64(vector: string): string {
  const numbers = JSON.parse(vector) as readonly number[] // `VectorReader` has seen that it is an array of numbers
  if (numbers.length > room.length) room = new Float32Array(numbers.length)
  room.set(numbers)
  return Buffer.from(room.buffer, 0, numbers.length * Float32Array.BYTES_PER_ELEMENT).toString('base64')
}

/** A count for formats that must name one: what is not known is 0 there. */
export const known = (count: number): number => Math.max(count, 0)
