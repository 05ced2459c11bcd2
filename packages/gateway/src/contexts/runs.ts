import type { Item } from '@headrace/contract'

/** Says items as messages of a dialect, separated by commas; '' = nothing. Latin1: one char = one byte. */
export type RenderItems = (items: readonly Item[]) => string

/** How a dialect says a conversation. */
export interface Speech {
  readonly render: RenderItems
  /** Items of one speaker in a row may be said in one message. '' = it is said apart from the messages. */
  readonly speakerOf: (item: Item) => string
}

/**
 * What a context says, kept ready to be said again with more behind it. Items are said run by run (all that one speaker says in a row), so that the text
 * depends on the items alone, not on how many at a time they came; only the last run can still change.
 */
export interface Rendering {
  /** All runs but the last. */
  readonly text: string
  readonly last: readonly Item[]
  /** What is said apart from the messages. */
  readonly apart: readonly Item[]
}

export const NOTHING: Rendering = Object.freeze({ text: '', last: Object.freeze([]), apart: Object.freeze([]) })

/** The same with more items behind it. Costs what the new items and the last run cost. */
export function extendRendering({ text, last, apart }: Rendering, items: readonly Item[], { render, speakerOf }: Speech): Rendering {
  let run = [...last]
  for (const item of items) {
    const speaker = speakerOf(item)
    if (speaker === '') {
      apart = [...apart, item]
      continue
    }
    const before = run.at(-1)
    if (before !== undefined && speakerOf(before) !== speaker) {
      text = joined(text, render(run))
      run = []
    }
    run.push(item)
  }
  return { text, last: run, apart }
}

/** All messages, as elements of a JSON array. */
export const wholeText = ({ text, last }: Rendering, { render }: Speech): string => joined(text, render(last))

const joined = (before: string, after: string): string => before === '' || after === '' ? before + after : `${before},${after}`
