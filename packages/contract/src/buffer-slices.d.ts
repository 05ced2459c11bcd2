/**
 * Node's one-call decoders, present on every Buffer and missing from its type declarations: `toString(encoding)` without the look-up of
 * the encoding's name (about 0.1 us per call on the hot path).
 */
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  utf8Slice(start?: number, end?: number): string
}
