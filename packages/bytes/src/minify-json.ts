const TOKEN_OR_SPACE = /"(?:[^"\\]|\\.)*"|[ \t\n\r]+/g
const SPACE = /[ \t\n\r]/

/** A JSON text without white space between its tokens: key order, number lexemes and escapes stay. What is no JSON stays as it is. */
export function minifyJson(text: string): string {
  if (!SPACE.test(text)) return text
  try {
    JSON.parse(text)
  } catch {
    return text
  }
  return text.replace(TOKEN_OR_SPACE, token => token.startsWith('"') ? token : '')
}
