import { hashText, seededRandom } from './random.ts'

/** A unit vector that depends on the text alone; texts that share words point in similar directions. */
export function embed(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions)
  for (const word of ['', ...text.toLowerCase().split(/\W+/u).slice(0, 2048)]) {
    const random = seededRandom(hashText(word))
    const weight = word === '' ? 0.25 : 1
    for (let i = 0; i < dimensions; i++) vector[i] = (vector[i] ?? 0) + weight * (random() - 0.5)
  }
  let squares = 0
  for (const value of vector) squares += value * value
  const norm = Math.sqrt(squares)
  return vector.map((value) => value / norm)
}
