import { chatBody, stream } from '../../test/harness/completions.ts'
import { sendRaw } from '../../test/harness/http-client.ts'
import { answerStream } from '../../test/harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY } from '../../test/harness/start-headrace.ts'
import { startRig } from '../../test/harness/start-rig.ts'
import { until } from '../../test/harness/until.ts'

/** Clients that ask for the same stream. */
const CLIENTS = 1_000
const LIMIT_MS = 60_000

/**
 * How many calls a provider sees of 1,000 identical streams that are asked for at the same time, over two workers. Each client must have got every byte of
 * the same answer: throws where one has not.
 */
export async function coalesceUpstreamCalls(): Promise<number> {
  const rig = await startRig({ args: ['--workers', '2'] })
  try {
    const { promise: all, resolve } = Promise.withResolvers<void>()
    rig.upstream.on('same', async (socket, request) => {
      await all
      await answerStream(stream(Array.from({ length: 50 }, (_, index) => `word ${index} `)))(socket, request)
    })
    const body = chatBody('up/same', { temperature: 0, stream: true })
    const answers = Array.from({ length: CLIENTS }, () => sendRaw(rig.headrace.port, { body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] }, LIMIT_MS))
    // The provider answers when all are there: whoever came later would rightly make a call of its own.
    await until('all to be there', async () => await requestsIn(rig.headrace.port) >= CLIENTS, LIMIT_MS)
    resolve()
    const got = new Set((await Promise.all(answers)).map(answer => `${answer.status} ${answer.complete} ${answer.body.toString()}`))
    if (got.size !== 1 || ![...got][0]?.startsWith('200 true ')) throw new Error(`the clients got ${got.size} different answers`)
    return rig.upstream.of('same').length
  } finally {
    await rig.stop()
  }
}

/** Requests in flight, by what the workers told last. */
async function requestsIn(port: number): Promise<number> {
  const { body } = await sendRaw(port, { method: 'GET', path: '/metrics', headers: [['authorization', `Bearer ${ADMIN_KEY}`]] })
  return body.toString().split('\n').filter(line => line.startsWith('headrace_in_flight')).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
