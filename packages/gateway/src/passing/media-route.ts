import type { MediaOperation } from '@headrace/contract'

/** `form`: its requests may be, or (`always`) are, `multipart/form-data`; otherwise they are JSON. */
export interface MediaRoute { readonly operation: MediaOperation, readonly form: 'never' | 'either' | 'always' }

/** OpenAI's API reference, Images and Audio. */
const ROUTES: ReadonlyMap<string, MediaRoute> = new Map<string, MediaRoute>([
  ['/v1/images/generations', { operation: 'image-generation', form: 'never' }],
  ['/v1/images/edits', { operation: 'image-edit', form: 'either' }],
  ['/v1/images/variations', { operation: 'image-variation', form: 'always' }],
  ['/v1/audio/speech', { operation: 'speech', form: 'never' }],
  ['/v1/audio/transcriptions', { operation: 'transcription', form: 'always' }],
  ['/v1/audio/translations', { operation: 'translation', form: 'always' }],
])

/** Paths of calls about pictures and sound. */
export const MEDIA_PATHS: readonly string[] = Object.freeze([...ROUTES.keys()])

/** Null = the path is none of them. */
export const mediaRoute = (path: string): MediaRoute | null => ROUTES.get(path) ?? null
