/** A column: its title, and the least width that keeps later rows aligned with earlier ones. */
export interface Column { readonly title: string, readonly width: number, readonly right?: boolean }

/** Renders lines of aligned columns; a value that is too wide pushes the rest of its own line only. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[], withTitle: boolean): string[] {
  const widths = columns.map(({ title, width }, index) => Math.max(title.length, width, ...rows.map(row => Math.min(row[index]?.length ?? 0, MOST))))
  const line = (values: readonly string[]): string => columns
    .map(({ right }, index) => right === true ? printable(values[index] ?? '').padStart(widths[index] ?? 0) : printable(values[index] ?? '').padEnd(widths[index] ?? 0))
    .join('  ').trimEnd()
  return [...withTitle ? [line(columns.map(column => column.title))] : [], ...rows.map(line)]
}

/** Characters that one value may widen its column to. */
const MOST = 40

/** What a client sent as a name must not move the reader's cursor. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')
}
