import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ProviderProfile, ProviderQuirks } from '@headrace/contract'

/**
 * Makes what follows from the files of the providers: `registry.ts` beside them, and `docs/providers.md`. Run by hand after a change: `npm run providers`.
 * A test says when it was forgotten.
 */
const ROOT = join(import.meta.dirname, '..')
const FOLDER = join(ROOT, 'packages/gateway/src/providers')
const DOCS = join(ROOT, 'docs/providers.md')
const GOLDEN = join(ROOT, 'test/providers')
/** The built-in simulated engine: last of all, and no vendor's. */
const SANDBOX = 'sandbox'

/** One provider's file: what it exports, under which name. */
export interface ProviderFile { readonly file: string, readonly variable: string, readonly provider: ProviderProfile }

/** Reads the provider files of a folder, in the order of their names. Throws where a file is not one provider that is called as it is. */
export async function readProviders(folder: string): Promise<readonly ProviderFile[]> {
  const files = readdirSync(folder).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'registry.ts').toSorted()
  const read = await Promise.all(files.map(async file => {
    const exported: readonly [string, unknown][] = Object.entries(await import(pathToFileURL(join(folder, file)).href) as object)
    const [variable, provider] = exported[0] ?? ['', null]
    if (exported.length !== 1 || !isProvider(provider) || `${provider.id}.ts` !== file) throw new Error(`${file} does not export one provider with the id \`${file.slice(0, -3)}\``)
    return { file, variable, provider }
  }))
  return [...read.filter(({ provider }) => provider.id !== SANDBOX), ...read.filter(({ provider }) => provider.id === SANDBOX)]
}

const isProvider = (value: unknown): value is ProviderProfile => typeof value === 'object' && value !== null && 'id' in value && 'endpoints' in value

export function renderRegistry(files: readonly ProviderFile[]): string {
  const imports = files.toSorted((left, right) => left.file < right.file ? -1 : 1).map(({ file, variable }) => `import { ${variable} } from './${file}'`)
  return `// Made by \`npm run providers\` from the files beside it.
import type { ProviderProfile } from '@headrace/contract'
${imports.join('\n')}

/** Every provider that needs no \`base_url\`: one file each. Passed to \`loadConfig\` as \`known\`. */
export const KNOWN_PROVIDERS: readonly ProviderProfile[] = Object.freeze([
${files.map(({ variable }) => `  ${variable},`).join('\n')}
])
`
}

export function renderDocs(files: readonly ProviderFile[]): string {
  const providers = files.map(({ provider }) => provider).filter(({ id }) => id !== SANDBOX)
  const hosted = providers.filter(({ auth }) => auth !== 'none')
  const local = providers.filter(({ auth }) => auth === 'none')
  return `# Providers

<!-- Made by \`npm run providers\` from packages/gateway/src/providers. -->

Headrace knows ${providers.length} providers: ${hosted.length} vendors and ${local.length} servers for your own machines. Without a \`providers\` section in \`headrace.yaml\` those are switched on whose variable is set
in the environment; with one, \`providers: { ID: {} }\` is enough, the variable counts all the same, and everything may be said otherwise (\`base_url\`, \`credentials\`, ...).
\`provider/model\` calls any model of a provider.

A second account, or a server of the same kind somewhere else, is \`like\` a provider that is known:

    providers:
      gpu-1: { like: vllm, base_url: "http://10.0.0.7:8000/v1" }
      gpu-2: { like: vllm, base_url: "http://10.0.0.8:8000/v1" }

### Azure OpenAI, and tokens

\`azure-openai\` calls deployments by their names on Azure's newer surface (\`/openai/v1\`). \`api_version\` takes to the older one, whose paths are each deployment's own. Instead of a key it
takes tokens of Microsoft Entra ID; any other provider takes OAuth's client credentials. Tokens are got when they are first needed, and again ahead of their end while requests go on with the
one that is left; one that a provider refuses is not used again.

    providers:
      azure-openai:                                   # AZURE_OPENAI_RESOURCE and AZURE_OPENAI_API_KEY
      azure-eu:
        like: azure-openai
        base_url: https://my-resource.openai.azure.com/openai
        api_version: 2024-10-21
        credentials: { entra: { tenant: TENANT, client_id: APP, client_secret: "\${AZURE_CLIENT_SECRET}" } }
      inner:
        base_url: https://models.example.com/v1
        credentials: { oauth: { token_url: https://id.example.com/token, client_id: APP, client_secret: "\${SECRET}", scope: models } }

### Vertex AI

\`google-vertex\` has Gemini, \`google-vertex-anthropic\` Claude, and \`google-vertex-openai\` the other models of Google's Model Garden that are served ready to use (\`meta/...\`). All take tokens
that the key of a service account signs for: \`GOOGLE_APPLICATION_CREDENTIALS\` names its file, or the configuration has it by reference. A location is a region, or one of \`global\`, \`us\` and \`eu\`, which have
hosts of their own. The key goes to no provider: it signs for tokens at the \`token_uri\` of its file, and only they go on.

    providers:
      google-vertex:                                  # GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_CLOUD_PROJECT and GOOGLE_CLOUD_LOCATION
      vertex-eu:
        like: google-vertex-anthropic
        base_url: https://europe-west1-aiplatform.googleapis.com/v1/projects/PROJECT/locations/europe-west1/publishers/anthropic
        credentials: { google: { key: "\${file:/run/secrets/vertex.json}" } }

Everything below is what a vendor's documentation says. **Endpoints** are what it offers; chat, responses, messages, completions, embeddings, rerank and moderations are spoken here. **Quirks** are what it does otherwise than the
API that it offers: requests are changed as they leave and answers as they come back, so that clients need not know. What a request loses is named in the answer's header
\`headrace-dropped\` or \`headrace-approximated\`; where a model is \`strict\`, a target that would lose something is passed over.

## Vendors

${table(hosted)}
## On your machines

${table(local)}
## Quirks

${providers.filter(({ quirks, structuredOutput, usageOption, dialect }) => quirks !== undefined || structuredOutput !== undefined || (!usageOption && dialect === 'openai-chat')).map(quirksOf).join('\n\n')}
`
}

/** A golden file to begin with, for a provider of OpenAI's dialect: what is expected is written by its test. */
export function firstGolden(): string {
  const chunk = (delta: object, finish: string | null): string => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'model-x', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 }
  const request = { model: '{id}/model-x', messages: [{ role: 'developer', content: 'Be brief.' }, { role: 'user', content: 'Say hi.' }], max_completion_tokens: 100, temperature: 0.5 }
  const answer = { id: 'c1', object: 'chat.completion', created: 1, model: 'model-x', choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }], usage }
  const last = { id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'model-x', choices: [], usage }
  const stream = `${chunk({ role: 'assistant', content: 'Hi.' }, null)}${chunk({}, 'stop')}data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`
  const refusal = { error: { message: 'Invalid value for temperature.', type: 'invalid_request_error', param: 'temperature', code: null } }
  return `${[JSON.stringify(request), '', `200 application/json\n${JSON.stringify(answer)}`, '', '', `200 text/event-stream\n${stream}`, '', `400 application/json\n${JSON.stringify(refusal)}`, ''].join('\n----\n')}\n`
}

const table = (providers: readonly ProviderProfile[]): string => `| provider | id | dialect | base URL | variable | endpoints | chat models can |
|---|---|---|---|---|---|---|
${providers.map(({ name, docs, id, dialect, baseUrl, env, endpoints, capabilities }) =>
    `| [${name}](${docs}) | \`${id}\` | ${dialect} | \`${baseUrl}\` | ${env.map(one => `\`${one}\``).join(' or ') || 'none'} | ${endpoints.join(', ')} | ${capabilities.join(', ')} |`).join('\n')}
`

const code = (names: readonly string[]): string => names.map(name => `\`${name}\``).join(', ')
const pairs = (map: Readonly<Record<string, string>>): string => Object.entries(map).map(([from, to]) => `\`${from}\` → \`${to}\``).join(', ')

function quirksOf({ name, quirks = {}, structuredOutput, usageOption, dialect }: ProviderProfile): string {
  const lines = (Object.keys(SAID) as (keyof ProviderQuirks)[]).map(quirk => SAID[quirk](quirks)).filter(line => line !== null)
  if (structuredOutput !== undefined) lines.push(`structured output is asked for by ${structuredOutput === 'tool' ? 'a tool call' : 'an instruction'}, and checked here`)
  if (!usageOption && dialect === 'openai-chat') lines.push('tells usage without being asked, and is not asked')
  return `**${name}**: ${lines.join('; ')}.`
}

/** A quirk in words; null = it has none such. */
const SAID = {
  refuses: ({ refuses }) => refuses === undefined ? null : `does not get ${code(refuses)}`,
  elsewhere: ({ elsewhere }) => elsewhere === undefined ? null : `is told of ${code(elsewhere)} in the path`,
  demands: ({ demands }) => demands === undefined ? null : `gets ${Object.entries(demands).map(([name, value]) => `\`${name}: ${value}\``).join(', ')}`,
  renames: ({ renames }) => renames === undefined ? null : `${pairs(renames)}`,
  roles: ({ roles }) => roles === undefined ? null : `roles ${pairs(roles)}`,
  maxTemperature: ({ maxTemperature }) => maxTemperature === undefined ? null : `\`temperature\` of ${maxTemperature} at most`,
  oneChoice: ({ oneChoice }) => oneChoice === true ? 'one answer to a request (`n`)' : null,
  toolCallIds: ({ toolCallIds }) => toolCallIds === undefined ? null : `ids of tool calls of ${toolCallIds.length} characters`,
  thoughts: ({ thoughts }) => thoughts === undefined ? null : `thoughts in \`${thoughts.member}\`${thoughts.returns === true ? ', which go back with the tool calls that they led to' : ''}`,
  finishReasons: ({ finishReasons }) => finishReasons === undefined ? null : `finish reasons ${pairs(finishReasons)}`,
  refusal: ({ refusal }) => refusal === undefined ? null : `refusals with their words in ${code(refusal.message)}`,
  hiddenRefusal: ({ hiddenRefusal }) => hiddenRefusal === undefined ? null : `errors under status 200, told by \`${hiddenRefusal.code}\``,
  statuses: ({ statuses }) => statuses === undefined ? null : Object.entries(statuses).map(([status, kind]) => `status ${status} means \`${kind}\``).join(', '),
  quota: ({ quota }) => quota === undefined ? null : `what is left of its limits in ${code(Object.values(quota).map(names => names.remaining))}`,
} as const satisfies Record<keyof ProviderQuirks, (quirks: ProviderQuirks) => string | null>

if (import.meta.main) {
  const files = await readProviders(FOLDER)
  writeFileSync(join(FOLDER, 'registry.ts'), renderRegistry(files))
  writeFileSync(DOCS, renderDocs(files))
  for (const { provider } of files) {
    const golden = join(GOLDEN, `${provider.id}.wire`)
    if (provider.id !== SANDBOX && provider.dialect === 'openai-chat' && !existsSync(golden)) writeFileSync(golden, firstGolden())
  }
  process.stdout.write(`${files.length} providers written to ${join(FOLDER, 'registry.ts')} and ${DOCS}\n`)
}
