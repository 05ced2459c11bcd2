/** Methods that Node's Buffer has and `@types/node` no longer declares: the direct form of `toString(encoding)` and `write(text, encoding)`. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  utf8Slice(start?: number, end?: number): string
  latin1Write(text: string, offset?: number, length?: number): number
  utf8Write(text: string, offset?: number, length?: number): number
}
