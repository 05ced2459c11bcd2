import { gatewayError, type GatewayError, type RequestHead } from '@headrace/contract'

/**
 * A request body that is compressed is refused (RFC 9110 15.5.16), never unpacked: so no bomb can go off, and nothing is read of it.
 * Null = the body is as it is. The fast path takes no request with such a header, so that plain ones pay nothing.
 */
export function refuseCoding(head: RequestHead): GatewayError | null {
  const coding = head.header('content-encoding')
  if (coding === undefined || coding === '' || coding.toLowerCase() === 'identity') return null
  return gatewayError('unsupported-media-type', 'Compressed request bodies are not taken. Send the body as it is, without Content-Encoding.')
}
