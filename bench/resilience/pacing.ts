import { setTimeout as delay } from 'node:timers/promises'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { API_KEY, startHeadrace } from '../../test/harness/start-headrace.ts'
import { openLoop } from '../overload/open-loop.ts'

/** Tokens per minute that the engine gives. */
const LIMIT = 720_000
/** Output tokens that a request allows: the engine takes them when it comes, as providers do. */
const ALLOWED = 200
const MODEL = `lorem:tokens=20,ttft=20ms,tpm=${LIMIT}`
/** What is left of a full bucket when the load begins, tokens: less than half a second's worth. */
const LEFT = 5_000
/** The load comes to be steady in it, s. */
const WARM_S = 4
/** A client waits so long, ms. */
const DEADLINE_MS = 30_000

/**
 * Two times what an engine's limit allows, over two workers: the share of the limit that was used (`used`), and of the calls that reached the engine the share
 * that it refused (`refused`), from the first request on. The engine enforces its limit and says what is left, as providers do.
 */
export async function pacing(seconds: number): Promise<{ readonly used: number, readonly refused: number }> {
  const engine = await startSandbox()
  try {
    const headrace = await startHeadrace({
      config: { providers: { engine: { base_url: `http://127.0.0.1:${engine.port}/v1`, credentials: ['sk-engine'] } } }, args: ['--workers', '2', '--no-sandbox'],
    })
    try {
      const perRequest = await drain(engine)
      const before = refusals(engine)
      const asked = openLoop({ port: headrace.port, key: API_KEY, model: `engine/${MODEL}`, perSecond: 2 * LIMIT / 60 / perRequest, seconds: WARM_S + seconds, deadlineMs: DEADLINE_MS, more: { max_tokens: ALLOWED } })
      await delay(WARM_S * 1_000)
      const from = { at: performance.now(), tokens: given(engine).tokens }
      await delay(seconds * 1_000)
      const used = (given(engine).tokens - from.tokens) / ((performance.now() - from.at) / 60_000 * LIMIT)
      await asked
      const { requests } = given(engine)
      const refused = refusals(engine) - before
      return { used, refused: refused / (requests + refused) }
    } finally {
      await headrace.stop()
    }
  } finally {
    await engine.close()
  }
}

/** Takes most of the engine's savings, as somebody else with the same credential would; returns what one request of the load costs there, tokens. */
async function drain(engine: Sandbox): Promise<number> {
  const ask = async (allowed: number): Promise<number> => {
    const before = given(engine).tokens
    const answer = await fetch(`http://127.0.0.1:${engine.port}/v1/chat/completions`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hello' }], max_tokens: allowed }),
    })
    if (answer.status !== 200) throw new Error(`the engine answered ${answer.status}`)
    await answer.arrayBuffer()
    return given(engine).tokens - before
  }
  const one = await ask(ALLOWED)
  await ask(LIMIT - LEFT - 2 * one)
  return one
}

const given = (engine: Sandbox): { readonly tokens: number, readonly requests: number } => engine.quotas()[0] ?? { tokens: 0, requests: 0 }
const refusals = (engine: Sandbox): number => engine.quotas()[0]?.refused ?? 0
