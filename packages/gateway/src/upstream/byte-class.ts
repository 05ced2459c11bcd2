/** 1 where a byte may stand in a header value, reason phrase or chunk extension: HTAB, SP, VCHAR, obs-text (RFC 9110 section 5.5). */
export const TEXT: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (byte === 9 || (byte >= 32 && byte !== 127) ? 1 : 0))

/** 1 where a byte may stand in a header name: tchar (RFC 9110 section 5.6.2). */
export const TOKEN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) ? 1 : 0))
