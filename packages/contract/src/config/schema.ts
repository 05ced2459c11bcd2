import { z } from 'zod'
import { CAPABILITIES, FIRST_TOKEN_CLASSES, MODALITIES } from '../model-facts.ts'
import { MAX_RATE } from '../money.ts'
import { SCOPES } from '../principal.ts'
import { LIMIT_FORM } from './parse-limit.ts'
import { TOKEN_URL } from './read-service-account.ts'
import { budgetWindow, dollars, duration, flag, limitAmount, listenAddress, listOf, money, oneOf, openDuration, openFlag, section, size, sizeOf, strictMap, text, whole, wholeNumber, yesOrNo } from './schema-parts.ts'

/** Upper bounds: a generated file that doubled by mistake is refused, not tried. */
export const MAX_PROVIDERS = 1_000
export const MAX_MODELS = 100_000
export const MAX_KEYS = 100_000
/** Credentials of one provider; also bounds the rotations that a plan is compiled into. */
export const MAX_CREDENTIALS = 16
export const MAX_TARGETS = 16
export const MAX_LIMITS = 256
export const MAX_BUDGETS = 256
export const MAX_CATALOGUE_MODELS = 10_000
export const MAX_CAPACITIES = 1_000
export const MAX_TIMEOUTS = 1_000
/** Nano-dollars per million tokens (10,000 dollars), and in a budget. */
export const MAX_PRICE = MAX_RATE
export const MAX_BUDGET = 4e15
/** Characters of a model name. */
export const MAX_MODEL_NAME = 256

const DAY = 86_400_000
const MINUTE = 60_000

/** Names of providers, tenants, teams: what can stand in a path, a header or a metric label as it is. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const name = (what: string) => text(NAME, `${what}: letters, digits, \`.\`, \`_\`, \`-\`, at most 64, beginning with a letter or digit`)
/** No control characters, no lone surrogates; a `*` only at the end. */
export const MODEL_NAME = /^[^\p{Cc}\p{Cs}*]{0,255}[^\p{Cc}\p{Cs}]$/u
const modelName = text(MODEL_NAME, `a model name: 1 to ${MAX_MODEL_NAME} characters, no control characters, \`*\` only as the last one`)

const timeouts = strictMap({
  connect: openDuration('5s', 1, 10 * MINUTE).describe('To open a connection. By default 5s.'),
  first_token: openDuration('60s', 1, 60 * MINUTE).describe("From the request's last byte to the answer's first. By default as the catalogue says of the model: 60s, 30s for fast ones, 5m for those that think first; 3m, 2m and 10m for an answer in one piece."),
  idle: openDuration('60s', 1, 60 * MINUTE).describe('Between two reads of an answer. By default 60s.'),
  total: openDuration('600s', 1, DAY).describe("From the request's arrival to the end. By default 600s."),
}).nullish()

const server = section({
  host: text(/^[^\s\p{Cc}/]{1,253}$/u, 'a host name or address to listen on, such as `127.0.0.1`').prefault('127.0.0.1'),
  port: whole(8787, 0, 65_535).describe('0 = any free port.'),
  tls: strictMap({
    cert: text(/^[^\p{Cc}]{1,4096}$/u, 'the path of a PEM certificate file').describe('Path of the PEM certificate chain, relative to this file.'),
    key: text(/^[^\p{Cc}]{1,4096}$/u, 'the path of a PEM key file').describe('Path of the PEM private key, relative to this file.'),
  }).nullish(),
  cors_origins: listOf(text(/^(?:\*|https?:\/\/[^\s/?#@]+)$/, 'an origin such as `https://app.example.com`, without a path, or `*`'), 100, 'a list of origins').nullish(),
  drain: duration('30s', 0, DAY).describe('What running answers get to finish in when Headrace stops.'),
  limits: section({
    head: size('16KiB', 1_024, 2 ** 20).describe('Request line and headers.'),
    body: size('32MiB', 1_024, 2 ** 30),
    upload: size('512MiB', 1_024, 2 ** 40).describe('Of a body that goes on as it comes and is never held in memory: under `/providers`, forms of pictures and sound.'),
    json_depth: whole(128, 4, 1_000),
    connections: whole(10_000, 1, 1_000_000).describe('That each worker holds at the same time.'),
    connections_per_address: wholeNumber(1, 1_000_000).nullish().describe('Of them from one address (IPv6: one /64 network). Left out: no bound of its own, as it must be behind a proxy.'),
    requests_per_connection: whole(1_000, 1, 1_000_000_000),
    head_timeout: duration('15s', 100, 10 * MINUTE),
    request_timeout: duration('120s', 100, 60 * MINUTE).describe('For the whole request to arrive.'),
    keep_alive: duration('75s', 0, 60 * MINUTE).describe('Idle time between two requests.'),
    stall: duration('30s', 100, 60 * MINUTE).describe('A client that takes nothing for this long while an answer waits is let go.'),
    memory: sizeOf('1GiB', 128 * 2 ** 20, 2 ** 44).nullish().describe("What one worker may use: new work is refused before. Left out: 80 % of the machine's memory. A control group's limit counts in any case."),
  }),
})

const secretText = text(/^[\x21-\x7e]{1,8192}$/, 'a credential: visible ASCII characters, not empty; use a reference such as `${OPENAI_API_KEY}` or `${file:/run/secrets/openai}`')
const headerName = text(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'a header name')
const tokenUrl = text(TOKEN_URL, 'an `https://` URL (`http://` on this machine only)')
const visible = text(/^[\x21-\x7e]{1,512}$/, 'visible ASCII characters, not empty')
const credential = z.union([secretText, strictMap({
  value: secretText.nullish(),
  oauth: strictMap({
    token_url: tokenUrl, client_id: visible, client_secret: secretText, scope: text(/^[\x20-\x7e]{0,2048}$/, 'a scope: one line of ASCII text').nullish(),
  }).nullish().describe('Short-lived tokens by OAuth 2.0 client credentials, got anew ahead of their end.'),
  entra: strictMap({
    tenant: text(/^[A-Za-z0-9.-]{1,253}$/, 'a tenant: its id or domain'), client_id: visible, client_secret: secretText,
    authority: tokenUrl.nullish().describe('Left out: https://login.microsoftonline.com.'),
    scope: text(/^[\x20-\x7e]{0,2048}$/, 'a scope: one line of ASCII text').nullish().describe('Left out: that of Azure OpenAI.'),
  }).nullish().describe('The same of Microsoft Entra ID.'),
  google: strictMap({
    key: text(/^[\x09-\x7e]{1,65536}$/, 'the text of a key file; use a reference such as `${file:/run/secrets/vertex.json}`').describe('The text of a service account\'s key file (JSON), by reference.'),
    scope: text(/^[\x20-\x7e]{1,2048}$/, 'a scope: one line of ASCII text').nullish().describe('Left out: that of Google Cloud.'),
  }).nullish().describe('Tokens of Google\'s, for Vertex AI.'),
  header: headerName.nullish().describe('`authorization` sends `Bearer VALUE`; any other sends the bare value.'),
})], { error: 'expected a credential: a string, or a map with `value` and `header`, `oauth`, `entra` or `google`' })

const provider = section({
  like: text(NAME, 'the name of a provider that Headrace knows').nullish().describe('A known provider whose API this one has: its dialect, address, key header and peculiarities, where nothing else is said here.'),
  dialect: oneOf(['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini', 'ollama-chat']).nullish(),
  api_version: text(/^\d{4}-\d\d-\d\d(?:-preview)?$/, 'an API version such as `2024-10-21`').nullish().describe('For Azure OpenAI\'s older surface: models are deployments with paths of their own. Left out: its newer one, which needs none.'),
  base_url: text(/^\S{1,2048}$/, 'a URL such as `https://api.example.com/v1`').nullish().describe('Including the path in front of `/chat/completions`, `/responses`, `/messages` or `/models`.'),
  credentials: z.union([credential, listOf(credential, MAX_CREDENTIALS, 'a list of credentials')], { error: 'expected a credential or a list of credentials' }).nullish()
    .describe('Used in turn. Left out: the environment variable of a known provider. `[]` = none.'),
  headers: z.record(headerName, text(/^[\t\x20-\x7e]{0,4096}$/, 'a header value: one line of ASCII text'), { error: 'expected a map of header names to values' }).nullish(),
  timeouts,
  proxy: text(/^\S{1,2048}$/, 'a proxy such as `http://proxy.example.com:3128`').nullish(),
  structured_output: oneOf(['native', 'tool', 'instruction']).nullish()
    .describe('How its models give structured output: by themselves, or, where they cannot, by a tool call or an instruction that stands in for it.'),
  prefill: openFlag().describe('True where its models go on with an answer whose beginning is the last message. Left out: as the catalogue says of each.'),
  tenant: name('a tenant').prefault('default').describe('Whose account it is: keys of other tenants pass nothing through to it, since what it keeps (files, jobs) is not theirs. Model calls are for all.'),
  usage_option: openFlag().describe('False for providers that reject `stream_options`.'),
  models: listOf(modelName, MAX_MODELS, 'a list of model names').nullish().describe('Listed by GET /v1/models and usable without prefix when unique. Any other works as `provider/model`.'),
})

const target = text(/^[^/\s]+\/.+$/s, 'a target `provider/model`')
const targets = listOf(target, MAX_TARGETS, 'a list of targets').min(1, { error: 'an empty list: name at least one target `provider/model`' })
const hedgeMap = strictMap({
  share: whole(5, 1, 20).describe('Hedges per hundred requests at most.'),
  at_least: duration('10ms', 1, 10 * MINUTE).describe('No hedge sooner, however fast the target is.'),
})
const hedge = z.union([yesOrNo().transform(on => on ? hedgeMap.parse({}) : null), hedgeMap], { error: 'expected `true`, or a map with `share`, `at_least`' })
const shadow = strictMap({
  target: target.describe('Gets a copy of the request. Its answer is recorded and compared, and never seen by the client.'),
  share: whole(10, 1, 100).describe('Percent of the requests, at random.'),
  concurrency: whole(16, 1, 10_000).describe('Copies at the same time at most, in each worker.'),
})
const coalesce = oneOf(['never', 'deterministic', 'always'])
const model = z.union([target, targets, strictMap({
  targets,
  strict: flag(false).describe('Never drop or approximate a field of a request: targets that would are passed over, and where none is left the request is refused.'),
  timeouts: timeouts.describe('Deadlines of its targets, over those under `timeouts` and of their providers.'),
  rescue: oneOf(['error', 'continue', 'restart']).nullish().describe('When a stream breaks off midway: `error` tells the client (the default), `continue` lets the next target go on from there, `restart` begins anew for clients that send `headrace-accept-restart: 1`.'),
  hedge: hedge.nullish().describe('A request that waits longer than usual for its first byte is sent to the next target too, and the first answer counts. Left out: it is not.'),
  shadow: shadow.nullish().describe('Copies a share of the requests to another target. Left out: none.'),
  coalesce: coalesce.nullish().describe('Which of its requests share a running call with the same one. Left out: as `relay.coalesce` says.'),
})], { error: 'expected a target `provider/model`, a list of them, or a map with `targets`' })

const key = strictMap({
  name: name('a name for the key').describe('Shown in logs; unique.'),
  key: text(/^[\x21-\x7e]{16,512}$/, 'a key of 16 to 512 visible ASCII characters; use a reference such as `${TEAM_KEY}`').nullish(),
  digest: text(/^[0-9a-f]{64}$/, 'the lower-case hex SHA-256 of a key').nullish(),
  tenant: name('a tenant').prefault('default'),
  team: name('a team').nullish(),
  app: name('an app').nullish(),
  scopes: listOf(oneOf(SCOPES), SCOPES.length, 'a list of scopes').min(1, { error: 'an empty list: leave `scopes` out for `[inference]`' }).prefault(['inference'])
    .describe('`inference`: call models; `admin`: the admin API; `pass-through`: whatever a provider offers, under `/providers`, with the account of the gateway.'),
  models: listOf(modelName, 1_000, 'a list of model names').nullish().describe('Public model names the key may call, exact or with a trailing `*`. Left out: all.'),
  expires: text(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/, 'a date such as `2027-01-31` or a time such as `2027-01-31T12:00:00Z`').nullish(),
})

const scope = oneOf(['tenant', 'team', 'app', 'key', 'user', 'model'])
const amounts = z.union([limitAmount.transform(spec => [spec]), listOf(limitAmount, 4, 'a list of amounts')], { error: `expected ${LIMIT_FORM}, or a list of such amounts` }).nullish()
const pattern = text(MODEL_NAME, 'a value to match: exact, or with a `*` as the last character')
const patterns = z.union([pattern, listOf(pattern, 100, 'a list of values').min(1, { error: 'an empty list matches nothing: leave it out' })], { error: 'expected a value to match or a list of them' }).nullish()
const limit = strictMap({
  name: name('a name for the limit').nullish().describe('Shown to clients in `RateLimit-Policy`. Left out: made from `per`.'),
  per: z.union([scope.transform(one => [one]), listOf(scope, 6, 'a list of scopes').min(1, { error: 'an empty list: name at least one of `tenant`, `team`, `app`, `key`, `user`, `model`' })],
    { error: 'expected one or several of `tenant`, `team`, `app`, `key`, `user`, `model`' }).describe('One counter for each combination of these, always within one tenant.'),
  match: strictMap({ tenant: patterns, team: patterns, app: patterns, key: patterns, user: patterns, model: patterns }).nullish().describe('The limit applies where all of these match. Left out: everywhere.'),
  requests: amounts,
  input_tokens: amounts,
  output_tokens: amounts,
  tokens: amounts.describe('Input and output together.'),
  concurrency: wholeNumber(1, 1_000_000).nullish().describe('Requests at the same time.'),
})

const perMillion = dollars(MAX_PRICE, 'expected dollars per million tokens such as `0.40`, at most 10000, at most nine digits after the point')
const rates = {
  input: perMillion,
  cached_input: perMillion.nullish().describe('Input that the provider read from its cache. Left out: as `input`.'),
  cache_write: perMillion.nullish().describe('Input that the provider wrote to its cache. Left out: as `input`.'),
  output: perMillion,
  cache_write_1h: perMillion.nullish().describe('What the provider wrote to its cache for an hour. Left out: as `cache_write`.'),
  reasoning: perMillion.nullish().describe('Output that is thoughts. Left out: as `output`.'),
  audio_input: perMillion.nullish().describe('Input that is sound. Left out: as `input`.'),
  audio_output: perMillion.nullish().describe('Output that is sound. Left out: as `output`.'),
}
const price = strictMap({
  ...rates,
  tiers: listOf(strictMap({ above: wholeNumber(1, 1_000_000_000).describe('Input tokens.'), ...rates }), 8, 'a list of tiers').nullish()
    .describe('What all tokens of a call cost that has more than `above` input tokens.'),
})

const tokens = wholeNumber(1, 1_000_000_000)
const modalities = listOf(oneOf(MODALITIES), MODALITIES.length, 'a list of modalities').min(1, { error: `an empty list: name at least one of ${MODALITIES.map(one => `\`${one}\``).join(', ')}` })
const modelFacts = strictMap({
  context_window: tokens.nullish().describe('Tokens, input and output together.'),
  max_output: tokens.nullish().describe('Tokens of one answer at most; asked for where a provider wants to be told and the client says nothing.'),
  input: modalities.nullish(),
  output: modalities.nullish(),
  capabilities: strictMap(Object.fromEntries(CAPABILITIES.map(capability => [capability, z.boolean({ error: 'expected `true` or `false`' }).nullish()]))).nullish(),
  first_token: oneOf(FIRST_TOKEN_CLASSES).nullish(),
})

const budgetScope = oneOf(['tenant', 'team', 'app', 'key'])
const budget = strictMap({
  name: name('a name for the budget').nullish().describe('Shown to clients that are refused. Left out: made from `per`.'),
  per: z.union([budgetScope.transform(one => [one]), listOf(budgetScope, 4, 'a list of scopes').min(1, { error: 'an empty list: name at least one of `tenant`, `team`, `app`, `key`' })],
    { error: 'expected one or several of `tenant`, `team`, `app`, `key`' }).describe('One budget for each combination of these, always within one tenant.'),
  match: strictMap({ tenant: patterns, team: patterns, app: patterns, key: patterns }).nullish().describe('The budget applies where all of these match. Left out: everywhere.'),
  amount: money(MAX_BUDGET),
  window: budgetWindow,
  mode: oneOf(['hard', 'alert']).prefault('hard').describe('`hard`: a call that may not fit is refused. `alert`: only people are told.'),
})

const concurrency = wholeNumber(1, 100_000)
const capacityMap = strictMap({
  concurrency: concurrency.describe('Requests at the same time, over all workers.'),
  queue: whole(1_000, 0, 100_000).describe('Requests that may wait in one worker.'),
  wait: duration('10s', 1, 60 * MINUTE).describe('The longest wait while the queue comes and goes.'),
  target: duration('100ms', 1, 10 * MINUTE).describe('The longest wait once the queue stands; at least two turnovers of the engine.'),
  interval: duration('1s', 1, 10 * MINUTE).describe('A queue that was never empty for this long stands; at least as long as the engine takes for an answer.'),
})
const capacity = z.union([concurrency.transform(value => capacityMap.parse({ concurrency: value })), capacityMap],
  { error: 'expected a number of requests at the same time, or a map with `concurrency`, `queue`, `wait`, `target`, `interval`' })

/** `headrace.yaml`, version 1. Everything may be left out. */
export const fileSchema = strictMap({
  server,
  admin: section({
    listen: listenAddress().nullish().describe('Where the admin API, `/metrics` and the page are, and from then on only there. A port alone is of this machine. Left out: on the public port.'),
  }),
  providers: z.record(name('a provider id'), provider, { error: 'expected a map of provider ids to their settings' }).nullish(),
  models: z.record(modelName, model, { error: 'expected a map of public model names to targets' }).nullish(),
  keys: listOf(key, MAX_KEYS, 'a list of keys').nullish(),
  limits: listOf(limit, MAX_LIMITS, 'a list of limits').nullish(),
  prices: z.record(text(/^[^\p{Cc}\p{Cs}*]{0,320}(?:[^\p{Cc}\p{Cs}]|\*)$/u, 'a target `provider/model`, exact or with a `*` as the last character'), price, { error: 'expected a map of targets to their prices' }).nullish()
    .describe('What models cost, dollars per million tokens, by `provider/model`.'),
  catalogue: section({
    prices: flag(true).describe('What `prices` does not price costs what the catalogue says.'),
    models: z.record(text(/^[^/\s*]+\/[^\p{Cc}\p{Cs}*]{0,256}[^\p{Cc}\p{Cs}*]$/u, 'a target `provider/model`'), modelFacts, { error: 'expected a map of targets to what is known of them' }).nullish()
      .describe('What you know better than the catalogue, by `provider/model`.'),
  }),
  anonymous: strictMap({
    listen: listenAddress().describe('Where model calls are answered without a key. A port alone is of this machine.'),
    tenant: name('a tenant').prefault('default'),
    team: name('a team').nullish(),
    app: name('an app').nullish(),
    models: listOf(modelName, 1_000, 'a list of model names').nullish().describe('Public model names that may be called there, exact or with a trailing `*`. Left out: all.'),
    hosts: listOf(text(/^[A-Za-z0-9._-]{1,253}$/, 'a host name such as `host.docker.internal`'), 100, 'a list of host names').nullish().describe('Names that requests may call it by, beside addresses and `localhost`.'),
    origins: listOf(text(/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@]+$/i, 'an origin such as `http://localhost:3000`, without a path'), 100, 'a list of origins').nullish().describe('Web pages and apps that may call it. Left out: none.'),
  }).nullish().describe('A listener for local tools that send no key. Its requests count as those of a key named `anonymous`.'),
  budgets: listOf(budget, MAX_BUDGETS, 'a list of budgets').nullish(),
  capacity: z.record(text(/^[^/\s*]+\/[^\p{Cc}\p{Cs}*]{0,256}(?:[^\p{Cc}\p{Cs}]|\*)$/u, 'a target `provider/model`, exact or with a `*` as the last character'), capacity, { error: 'expected a map of targets to what their engine takes' }).nullish()
    .describe('How many requests an engine takes at the same time, by `provider/model`; more wait in a queue.'),
  timeouts: z.record(text(/^[^/\s*]+\/[^\p{Cc}\p{Cs}*]{0,256}(?:[^\p{Cc}\p{Cs}]|\*)$/u, 'a target `provider/model`, exact or with a `*` as the last character'), timeouts, { error: 'expected a map of targets to their deadlines' }).nullish()
    .describe('Deadlines by `provider/model`, over those of the provider.'),
  idempotency: section({
    enabled: flag(true).describe('Requests with an `Idempotency-Key` are run once; sent again they get the first answer.'),
    ttl: duration('24h', MINUTE, 30 * DAY).describe('How long a key stands.'),
    max_answer: size('1MiB', 1_024, 16 * 2 ** 20).describe('A longer answer is not kept: the key is then refused with 409 until its time is over.'),
    max_size: size('1GiB', 2 ** 20, 2 ** 40).describe('Of all kept answers; above it the oldest go.'),
    after_crash: oneOf(['retry', 'conflict']).prefault('retry').describe('What a key means whose worker died while it ran the request: it may be run again, or nobody knows and 409 is told.'),
  }),
  contexts: section({
    enabled: flag(true).describe('Keep conversations for clients that name one (`headrace-context`).'),
    ttl: duration('30d', MINUTE, 3_650 * DAY).describe('Contexts that were not changed for so long are deleted.'),
    max_size: size('32MiB', 1_024, 256 * 2 ** 20).describe('Of one context, as a request to a provider.'),
    hot_size: size('64MiB', 0, 16 * 2 ** 30).describe('Of what each worker keeps at hand of the contexts that it has lately served.'),
  }),
  log: section({
    calls: flag(true).describe('Write the call log.'),
    bodies: oneOf(['none', 'full']).prefault('none').describe('Keep request and answer bodies in the log.'),
    body_limit: size('64KiB', 0, 16 * 2 ** 20).describe('Kept of each body.'),
    retention: duration('30d', MINUTE, 3_650 * DAY).describe('Calls that began longer ago are deleted.'),
    max_size: size('10GiB', 2 ** 20, 2 ** 50).describe('Above it the oldest calls are deleted. The file keeps its length, and what was deleted makes room in it.'),
  }),
  relay: section({
    ask_usage: flag(true).describe('Ask providers for token usage on streams whose client did not ask.'),
    max_attempts: whole(3, 1, 10).describe('Per request, retries and fallbacks together.'),
    coalesce: coalesce.prefault('deterministic').describe('Requests of one key that are the same byte for byte share one call while it runs: `deterministic` those with temperature 0 or a seed, `always` all, `never` none.'),
    hold_limit: size('256KiB', 0, 16 * 2 ** 20).describe('JSON answers up to this size are held until complete, so that a cut one can be tried again.'),
    fetch_urls: section({
      enabled: flag(false).describe('Fetch images and documents for providers that do not take URLs. From the public internet only.'),
      max_size: size('20MiB', 1_024, 256 * 2 ** 20).describe('Of all that is fetched for one request.'),
      timeout: duration('10s', 100, 10 * MINUTE).describe('For all that is fetched for one request.'),
    }),
  }),
})

export type ConfigFile = z.output<typeof fileSchema>
export type ProviderFile = NonNullable<NonNullable<ConfigFile['providers']>[string]>
export type KeyFile = NonNullable<ConfigFile['keys']>[number]
export type LimitFile = NonNullable<ConfigFile['limits']>[number]
export type PriceFile = NonNullable<ConfigFile['prices']>[string]
export type CatalogueFile = ConfigFile['catalogue']
export type ModelFactsFile = NonNullable<CatalogueFile['models']>[string]
export type TimeoutsFile = ConfigFile['timeouts']
export type CapacityFile = NonNullable<ConfigFile['capacity']>[string]
export type BudgetFile = NonNullable<ConfigFile['budgets']>[number]
