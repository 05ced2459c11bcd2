/**
 * After an early refusal the client may still be sending. Closing with unread bytes makes the kernel send a reset, which can destroy the
 * answer before the client has read it (RFC 9112 9.6), so such a connection is half-closed and its bytes are thrown away, within bounds.
 */
export const LINGER_MS = 2_000
export const LINGER_BYTES = 16 * 1_048_576
