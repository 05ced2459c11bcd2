import { isStream as isEventStream } from '../relay/classify-response.ts'

/** Bytes that one event may have: pictures come in one piece. */
export const EVENT_LIMIT = 33_554_432

/** A stream that is no event stream is one JSON array. */
export const isArrayStream = (contentType: string): boolean => !isEventStream(contentType)

/** A request for a stream may be answered by one JSON array. */
export const isStream = (contentType: string, asked: boolean): boolean => isEventStream(contentType) || asked && contentType.toLowerCase().includes('json')
