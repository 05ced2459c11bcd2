import { renderPrometheus } from '@headrace/stores'
import type { AdminServices } from './services.ts'
import type { TypedApp } from './typed-app.ts'

export function metricsRoutes(app: TypedApp, { fleet, rates, keeper }: AdminServices): void {
  app.get('/metrics', { schema: { summary: 'Prometheus text format 0.0.4, all workers together' } }, async (_request, reply) => {
    const own = { counters: {}, histograms: {}, gauges: { headrace_workers: fleet.workers().length, headrace_config_version: keeper.current.version } }
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(renderPrometheus([...fleet.metrics(), rates.state(), own]))
  })
}
