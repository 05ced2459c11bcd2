import type { ScannedRequest } from '@headrace/contract'

/**
 * The body for one target, as latin1 (one char = one byte): the model literal replaced and, where the gateway asks for usage on a stream
 * whose client did not, `stream_options.include_usage` set. Every other byte stays as it came (invariant 4).
 */
export function spliceRequest(scanned: ScannedRequest, modelJson: string, askUsage: boolean): string {
  const text = scanned.text
  const { start, end } = scanned.modelSpan
  if (!askUsage || !scanned.stream || scanned.includeUsage) {
    return text.slice(0, start) + modelJson + text.slice(end)
  }
  const option = usageOption(scanned)
  return option.start < start
    ? text.slice(0, option.start) + option.text + text.slice(option.end, start) + modelJson + text.slice(end)
    : text.slice(0, start) + modelJson + text.slice(end, option.start) + option.text + text.slice(option.end)
}

/** The edit that turns the usage option on: replace its value, put it into the client's object, or bring an object along. */
function usageOption(scanned: ScannedRequest): { readonly start: number, readonly end: number, readonly text: string } {
  const text = scanned.text
  const own = scanned.includeUsageSpan
  if (own.start >= 0) return { start: own.start, end: own.end, text: 'true' }
  const options = scanned.optionsSpan
  if (options.start < 0) {
    const after = text.indexOf('{') + 1
    return { start: after, end: after, text: '"stream_options":{"include_usage":true},' }
  }
  if (text.charCodeAt(options.start) !== 0x7b) return { start: options.start, end: options.end, text: '{"include_usage":true}' }
  const empty = text.slice(options.start + 1, options.end - 1).trim() === ''
  return { start: options.start + 1, end: options.start + 1, text: empty ? '"include_usage":true' : '"include_usage":true,' }
}
