/** How the content of our own compactions begins: a summary that any model reads. It is packed, not secret: whoever has it made it. */
export const COMPACTION_SEAL = 'headrace:compaction:'

/** The summary; null = the compaction is another one's. */
export function unsealCompaction(content: string): string | null {
  return content.startsWith(COMPACTION_SEAL) ? Buffer.from(content.slice(COMPACTION_SEAL.length), 'base64url').toString('utf8') : null
}
