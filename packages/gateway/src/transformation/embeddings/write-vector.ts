/** A vector's JSON text as little-endian 32-bit floats in base64, as OpenAI and Cohere write them. */
export function toBase64(vector: string): string {
  const numbers = JSON.parse(vector) as readonly number[] // `VectorReader` has seen that it is an array of numbers
  const floats = new Float32Array(numbers)
  return Buffer.from(floats.buffer).toString('base64')
}

/** A count for formats that must name one: what is not known is 0 there. */
export const known = (count: number): number => Math.max(count, 0)
