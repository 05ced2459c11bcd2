import { JsonView } from '@headrace/bytes'

/**
 * The client's body with the whole conversation in place of its new messages, which then stand last; latin1. `standing`: members that go in where the client
 * gives none of that name, JSON texts; '' = none. `head` ends before the messages, so that what stands there can be read without reading them.
 */
export function assembleBody(body: string, member: string, messages: string, standing: Readonly<Record<string, string>>): { readonly head: string, readonly whole: string } {
  const members = [...JsonView.parse(body)?.members() ?? []].filter(([name]) => name !== member)
  const own = members.map(([name, value]) => `${JSON.stringify(name)}:${value.raw}`)
  for (const [name, text] of Object.entries(standing)) if (text !== '' && !members.some(([given]) => given === name)) own.push(`${JSON.stringify(name)}:${text}`)
  const head = `{${own.map(text => `${text},`).join('')}${JSON.stringify(member)}:[`
  return { head: `${head}]}`, whole: `${head}${messages}]}` }
}
