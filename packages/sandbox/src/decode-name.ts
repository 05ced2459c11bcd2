/** A model's name out of a path; as it stands where its escapes are none. */
export function decodeName(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
