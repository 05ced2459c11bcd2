import { PATH } from './edge-harness.ts'

/** What may come to a front door that the next reader could understand in another way, and what looks odd and is not. */
export interface FrontDoorVectors {
  /** What is sent -> the statuses that may come back, with the connection closed and nothing served. */
  readonly refused: Readonly<Record<string, readonly [text: string, ...statuses: number[]]>>
  /** What is sent, with `body` as its body -> it is served once. */
  readonly served: Readonly<Record<string, string>>
}

/** `body` is ASCII, at least two characters; `more` are header lines that every request has. */
export function frontDoorVectors(body: string, more: readonly string[] = []): FrontDoorVectors {
  const size = body.length
  const hex = size.toString(16)
  const LENGTH = `Content-Length: ${size}`
  const request = (lines: readonly string[], text = '', first = `POST ${PATH} HTTP/1.1`): string => [first, 'Host: localhost', ...more, ...lines, '', text].join('\r\n')
  const TE = (value: string): string => request([`Transfer-Encoding: ${value}`], `${hex}\r\n${body}\r\n0\r\n\r\n`)
  const CL = (...lines: string[]): string => request(lines, body)
  const refused: Record<string, readonly [text: string, ...statuses: number[]]> = {
    'CL and TE': [request([LENGTH, 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400],
    'TE and CL': [request(['Transfer-Encoding: chunked', LENGTH], '0\r\n\r\n'), 400],
    'the same CL twice': [CL(LENGTH, LENGTH), 400],
    'two CLs': [CL(LENGTH, `Content-Length: ${size + 1}`), 400],
    'CL list': [CL(`${LENGTH}, ${size}`), 400],
    'CL with plus': [CL(`Content-Length: +${size}`), 400],
    'negative CL': [CL('Content-Length: -1'), 400],
    'hexadecimal CL': [CL(`Content-Length: 0x${hex}`), 400],
    'CL of 2^64': [CL('Content-Length: 18446744073709551616'), 400],
    'space before the colon': [CL(`Content-Length : ${size}`), 400],
    'TE xchunked': [TE('xchunked'), 400, 501],
    'TE identity': [TE('identity'), 400, 501],
    'TE chunked, identity': [TE('chunked, identity'), 400, 501],
    'TE twice': [request(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400, 501],
    'TE with VT': [TE('\x0bchunked'), 400],
    'TE gzip, chunked': [TE('gzip, chunked'), 501],
    'TE identity, chunked': [TE('identity, chunked'), 501],
    'TE with an empty member': [TE(',chunked'), 400, 501],
    'HTTP/1.0 with TE': [request(['Transfer-Encoding: chunked'], '0\r\n\r\n', `POST ${PATH} HTTP/1.0`), 400],
    'obs-fold': [CL('X: a\r\n b', LENGTH), 400],
    'bare LF': [CL(`X: a\n${LENGTH}`), 400],
    'bare CR': [CL('X: a\rb', LENGTH), 400],
    'NUL in a value': [CL('X: a\0b', LENGTH), 400],
    'NUL in a name': [CL('X\0: a', LENGTH), 400],
    'space before the first header': [CL(' X: a', LENGTH).replace('Host: localhost\r\n', '') , 400],
    'empty name': [CL(': a', LENGTH), 400],
    'chunk extension with bare LF': [request(['Transfer-Encoding: chunked'], `${hex};a\n${body}\r\n0\r\n\r\n`), 400],
    'chunk size with a prefix': [request(['Transfer-Encoding: chunked'], `0x${hex}\r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk size with a sign': [request(['Transfer-Encoding: chunked'], `+${hex}\r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk size with a space': [request(['Transfer-Encoding: chunked'], ` ${hex}\r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk size overflow': [request(['Transfer-Encoding: chunked'], `fffffffffffffffff\r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk without CRLF': [request(['Transfer-Encoding: chunked'], `${hex}\r\n${body}0\r\n\r\n`), 400],
    'Content-Length as trailer': [request(['Transfer-Encoding: chunked'], `${hex}\r\n${body}\r\n0\r\nContent-Length: 5\r\n\r\n`), 400],
    'no Host': [CL(LENGTH).replace('Host: localhost\r\n', ''), 400],
    'two Hosts': [CL('Host: other', LENGTH), 400],
    'odd Host': [CL(LENGTH).replace('localhost', 'a/#@b'), 400],
    'absolute-form, foreign authority': [CL(LENGTH).replace(PATH, `http://evil.example${PATH}`), 400],
    'two Authorizations': [CL('Authorization: Bearer a', 'authorization: Bearer b', LENGTH), 400],
    'two x-api-keys': [CL('x-api-key: a', 'X-Api-Key: b', LENGTH), 400],
    'HTTP/2.0 in text': [request([LENGTH], body, `POST ${PATH} HTTP/2.0`), 505, 400],
    'two spaces before the target': [request([LENGTH], body, `POST  ${PATH} HTTP/1.1`), 400],
    'two spaces after the target': [request([LENGTH], body, `POST ${PATH}  HTTP/1.1`), 400],
    'TRACE': [request([], '', 'TRACE / HTTP/1.1'), 405],
    'CONNECT': [request([], '', 'CONNECT localhost:80 HTTP/1.1'), 405],
    'Upgrade: websocket with early bytes': [request(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a'], 'POST / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1'), 400],
    'head over 16 KiB': [CL(`X: ${'a'.repeat(17_000)}`, LENGTH), 431],
    'the HTTP/2 preface': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505],
    'Expect that is not known': [CL('Expect: a-miracle', LENGTH), 417],
    '*': [request([], '', 'OPTIONS * HTTP/1.1'), 400],
    'TE chunked twice in one line': [TE('chunked, chunked'), 400, 501],
    'TE with a parameter': [TE('chunked;q=1'), 400, 501],
    'TE in quotes': [TE('"chunked"'), 400, 501],
    'TE with FF': [TE('\x0cchunked'), 400],
    'TE with NUL': [TE('chunked\0'), 400],
    'TE of obs-text': [TE('chunked\xff'), 400, 501],
    'empty CL': [CL('Content-Length:'), 400],
    'CL with a blank inside': [CL(`Content-Length: ${size} ${size}`), 400],
    'CL with a fraction': [CL(`Content-Length: ${size}.0`), 400],
    'CL with an exponent': [CL(`Content-Length: ${size}e0`), 400],
    'CL with underscores': [CL(`Content-Length: 0_${size}`), 400],
    'CL in another spelling of digits': [CL('Content-Length: \xb2'), 400],
    'CL behind TE in a fold': [request([`Transfer-Encoding:\r\n chunked`, LENGTH], body), 400],
    'name with a blank': [CL(LENGTH, 'Transfer Encoding: chunked'), 400],
    'a line without colon': [CL(LENGTH, 'nonsense'), 400],
    'a header before the request line': [`X: a\r\n${CL(LENGTH)}`, 400],
    'HTTP/0.9': [`POST ${PATH}\r\n\r\n`, 400],
    'HTTP/1.1 with a tab before it': [request([LENGTH], body, `POST ${PATH}\tHTTP/1.1`), 400],
    'HTTP/1.1 with more digits': [request([LENGTH], body, `POST ${PATH} HTTP/1.10`), 400, 505],
    'http/1.1 in small letters': [request([LENGTH], body, `POST ${PATH} http/1.1`), 400],
    'NUL in the target': [request([LENGTH], body, `POST ${PATH}\0 HTTP/1.1`), 400],
    'CR in the target': [request([LENGTH], body, `POST ${PATH}\rX HTTP/1.1`), 400],
    'a fragment in the target': [request([LENGTH], body, `POST ${PATH}#a HTTP/1.1`), 400],
    'authority-form in POST': [request([LENGTH], body, 'POST localhost:80 HTTP/1.1'), 400],
    'userinfo in an absolute target': [request([LENGTH], body, `POST http://localhost@evil.example${PATH} HTTP/1.1`), 400],
    'negative chunk size': [request(['Transfer-Encoding: chunked'], `-${hex}\r\n${body}\r\n0\r\n\r\n`), 400],
    'empty chunk size': [request(['Transfer-Encoding: chunked'], `\r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk size with a trailing blank': [request(['Transfer-Encoding: chunked'], `${hex} \r\n${body}\r\n0\r\n\r\n`), 400],
    'chunk ended by LF alone': [request(['Transfer-Encoding: chunked'], `${hex}\r\n${body}\n0\r\n\r\n`), 400],
    'chunk size line ended by LF alone': [request(['Transfer-Encoding: chunked'], `${hex}\n${body}\r\n0\r\n\r\n`), 400],
    'chunk extension without end': [request(['Transfer-Encoding: chunked'], `${hex};${'a'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`), 413],
    'Transfer-Encoding as trailer': [request(['Transfer-Encoding: chunked'], `${hex}\r\n${body}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n`), 400],
    'a body that is not compressed as it says': [CL('Content-Encoding: gzip', LENGTH), 400],
    'a body compressed many times': [CL(`Content-Encoding: ${'gzip, '.repeat(500)}gzip`, LENGTH), 415],
    'a compressed body in chunks': [request(['Content-Encoding: br', 'Transfer-Encoding: chunked'], `${hex}\r\n${body}\r\n0\r\n\r\n`), 415],
  }
  const served: Record<string, string> = {
    'the plain shape': CL(LENGTH),
    'chunked': TE('chunked'),
    'chunk extension': request(['Transfer-Encoding: chunked'], `${hex};a=b\r\n${body}\r\n0\r\n\r\n`),
    'obs-text in a value': CL('X: \xe9', LENGTH),
    '__proto__ header': CL('__proto__: x', LENGTH),
    'absolute-form, own authority': CL(LENGTH).replace(PATH, `http://localhost${PATH}`),
    'Expect: 100-continue': CL('Expect: 100-continue', LENGTH),
    'Upgrade: h2c': CL('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', LENGTH),
    'HTTP/1.0': request([LENGTH], body, `POST ${PATH} HTTP/1.0`),
    'Content-Encoding: identity': CL('Content-Encoding: identity', LENGTH),
    'a body of many small chunks': request(['Transfer-Encoding: chunked'], `${[...body].map(char => `1\r\n${char}\r\n`).join('')}0\r\n\r\n`),
    'chunk size with zeros in front': request(['Transfer-Encoding: chunked'], `000${hex}\r\n${body}\r\n000\r\n\r\n`),
    'a trailer that means nothing': request(['Transfer-Encoding: chunked'], `${hex}\r\n${body}\r\n0\r\nX-Trailer: Host: evil\r\n\r\n`),
    'IPv6 Host': CL(LENGTH).replace('localhost', '[::1]:8787'),
  }
  return { refused, served }
}
