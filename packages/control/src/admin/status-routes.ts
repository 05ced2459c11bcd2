import { z } from 'zod'
import type { AdminServices } from './services.ts'
import type { TypedApp } from './typed-app.ts'

const problem = z.object({ at: z.number().describe('Unix ms.'), text: z.string() })
const statusSchema = z.object({
  version: z.number().describe('Of the configuration in force; counts up with every change.'),
  configProblem: problem.nullable().describe('Why the last change of the configuration is not in force; null = it is.'),
  configWarnings: z.array(z.string()),
  workers: z.array(z.object({ worker: z.number(), version: z.number(), host: z.string(), port: z.number() })),
  uptimeSeconds: z.number().describe('Of the control process.'),
  logWriter: z.object({ recovered: z.boolean().describe('What lay in the journal at the start is stored.'), problems: z.array(problem) }),
  requestsPerSecond: z.number().describe('Over the last 10 s.'),
  tokensPerSecond: z.number(),
})

export function statusRoutes(app: TypedApp, { keeper, fleet, rates, calls }: AdminServices): void {
  let recovered = false
  void calls.recovered().then(() => { recovered = true })
  app.get('/admin/v1/status', { schema: { summary: 'How the installation is', response: { 200: statusSchema } } }, async () => {
    const { gauges } = rates.state()
    return {
      version: keeper.current.version, configProblem: keeper.problem, configWarnings: [...keeper.warnings],
      workers: [...fleet.workers()], uptimeSeconds: Math.round(process.uptime()),
      logWriter: { recovered, problems: [...calls.problems()] },
      requestsPerSecond: gauges['headrace_requests_per_second'] ?? 0, tokensPerSecond: gauges['headrace_tokens_per_second'] ?? 0,
    }
  })
}
