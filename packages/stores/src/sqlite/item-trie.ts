import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { CONTEXT_ITEMS, EMPTY_HEAD, type ChainedItem, type ContextPlace, type StoredItem } from '@headrace/contract'
import { chainAfter } from '../contexts/chain.ts'

/**
 * The items of all contexts as a trie: contexts that begin alike share their beginning. It is kept in runs (`segment`), so that a context is read as a few
 * ranges of neighbouring rows, not item by item: a run goes on from a place of its parent, and whoever appends to the last item of a run continues it.
 *
 * `node.place` = segment * 2^20 + seq. `node.total`: bytes of all items up to it. Needs `foreign_keys` off for `parent` 0 = the empty beginning.
 */
export const TRIE_SCHEMA = `
  CREATE TABLE segment (id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, parent INTEGER NOT NULL, parent_seq INTEGER NOT NULL) STRICT;
  CREATE INDEX segment_parent ON segment (parent, parent_seq);
  CREATE TABLE node (place INTEGER PRIMARY KEY, tenant TEXT NOT NULL, head TEXT NOT NULL, total INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
  CREATE UNIQUE INDEX node_head ON node (tenant, head);
  CREATE VIRTUAL TABLE node_text USING fts5 (text, tokenize = 'unicode61');
`

const RUN = CONTEXT_ITEMS + 1

/** Where an item lies, and what is known of the chain up to it. Segment 0, `seq` 0: before the first item. */
export interface TriePlace extends ContextPlace {
  readonly segment: number
  /** Bytes of all items up to here. */
  readonly total: number
}

export const ROOT: TriePlace = Object.freeze({ segment: 0, seq: 0, head: EMPTY_HEAD, total: 0 })

/** A part of a chain: the items of one segment after `after`, up to `upTo`. */
interface Stretch { readonly segment: number, readonly after: number, readonly upTo: number }

/** Reads and writes items. Every method runs in the transaction of its caller. */
export class ItemTrie {
  readonly #statements: Readonly<Record<'find' | 'at' | 'parent' | 'newSegment' | 'insert' | 'text' | 'items' | 'last' | 'dropText' | 'drop' | 'dropSegment', StatementSync>>

  constructor(database: DatabaseSync) {
    this.#statements = Object.freeze({
      find: database.prepare('SELECT place, total FROM node WHERE tenant = ? AND head = ?'),
      at: database.prepare('SELECT head, total FROM node WHERE place = ?'),
      parent: database.prepare('SELECT parent, parent_seq FROM segment WHERE id = ?'),
      newSegment: database.prepare('INSERT INTO segment (tenant, parent, parent_seq) VALUES (?, ?, ?)'),
      insert: database.prepare('INSERT INTO node (place, tenant, head, total, bytes) VALUES (?, ?, ?, ?, ?)'),
      text: database.prepare('INSERT INTO node_text (rowid, text) VALUES (?, ?)'),
      items: database.prepare('SELECT place, head, bytes FROM node WHERE place > ? AND place <= ? ORDER BY place'),
      // Whatever still needs items of a segment: the last of them.
      last: database.prepare(`SELECT max(seq) AS seq FROM (SELECT max(seq) AS seq FROM context WHERE segment = ?1 UNION ALL SELECT max(seq) FROM tag WHERE segment = ?1
        UNION ALL SELECT max(parent_seq) FROM segment WHERE parent = ?1)`),
      dropText: database.prepare('DELETE FROM node_text WHERE rowid > ? AND rowid <= ?'),
      drop: database.prepare('DELETE FROM node WHERE place > ? AND place <= ?'),
      dropSegment: database.prepare('DELETE FROM segment WHERE id = ?'),
    })
  }

  /** Puts items behind a place; those that lie there already are shared. Null = a context of so many items is not kept; nothing is stored then. */
  append(tenant: string, at: TriePlace, items: readonly StoredItem[]): TriePlace | null {
    if (at.seq + items.length > CONTEXT_ITEMS) return null
    let place = at
    for (const [index, { seq, head, bytes }] of chainAfter(at, items).entries()) {
      const known = this.find(tenant, head)
      place = known ?? this.#insert(tenant, place, { seq, head, bytes }, items[index]?.text ?? '')
    }
    return place
  }

  find(tenant: string, head: string): TriePlace | null {
    if (head === EMPTY_HEAD) return ROOT
    const row = this.#statements.find.get(tenant, head)
    if (row === undefined) return null
    const place = Number(row['place'])
    return { segment: Math.floor(place / RUN), seq: place % RUN, head, total: Number(row['total']) }
  }

  /** The place of this chain with so many items. Null = it is shorter. */
  back(from: TriePlace, seq: number): TriePlace | null {
    if (seq === 0) return ROOT
    const stretch = this.#stretches(from).find(({ after, upTo }) => seq > after && seq <= upTo)
    if (stretch === undefined) return null
    return this.place(stretch.segment, seq)
  }

  /** Throws if there is no such item. */
  place(segment: number, seq: number): TriePlace {
    if (seq === 0) return ROOT
    const row = this.#statements.at.get(segment * RUN + seq)
    if (row === undefined) throw new Error(`contexts: item ${seq} of run ${segment} is missing`)
    return { segment, seq, head: String(row['head']), total: Number(row['total']) }
  }

  /** The items up to a place, after so many. */
  items(upTo: TriePlace, after: number): ChainedItem[] {
    const items: ChainedItem[] = []
    for (const stretch of this.#stretches(upTo)) {
      if (stretch.upTo <= after) continue
      const base = stretch.segment * RUN
      for (const row of this.#statements.items.iterate(base + Math.max(stretch.after, after), base + stretch.upTo)) {
        const bytes = row['bytes']
        if (!(bytes instanceof Uint8Array)) continue // STRICT: it is
        items.push({ seq: Number(row['place']) - base, head: String(row['head']), bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) })
      }
    }
    return items
  }

  /** Deletes the items of a segment that nothing needs any more, and so on up its parents. Called after what needed them is gone. */
  release(segment: number): void {
    while (segment !== 0) {
      const found = this.#statements.parent.get(segment)
      if (found === undefined) return
      const last = this.#statements.last.get(segment)?.['seq'] ?? null
      const from = segment * RUN + Number(last ?? 0), to = segment * RUN + CONTEXT_ITEMS
      this.#statements.dropText.run(from, to)
      this.#statements.drop.run(from, to)
      if (last !== null) return
      this.#statements.dropSegment.run(segment)
      segment = Number(found['parent'])
    }
  }

  #insert(tenant: string, after: TriePlace, { seq, head, bytes }: ChainedItem, text: string): TriePlace {
    const continues = after.segment !== 0 && this.#statements.at.get(after.segment * RUN + seq) === undefined
    const segment = continues ? after.segment : Number(this.#statements.newSegment.run(tenant, after.segment, after.seq).lastInsertRowid)
    const total = after.total + bytes.length
    this.#statements.insert.run(segment * RUN + seq, tenant, head, total, bytes)
    if (text !== '') this.#statements.text.run(segment * RUN + seq, text)
    return { segment, seq, head, total }
  }

  /** A chain's stretches, first to last. */
  #stretches({ segment, seq }: TriePlace): Stretch[] {
    const stretches: Stretch[] = []
    for (let upTo = seq; segment !== 0;) {
      const row = this.#statements.parent.get(segment)
      if (row === undefined) throw new Error(`contexts: run ${segment} is missing`)
      const after = Number(row['parent_seq'])
      stretches.push({ segment, after, upTo })
      segment = Number(row['parent'])
      upTo = after
    }
    return stretches.reverse()
  }
}
