import { changedSchema, changeError } from './change-answer.ts'
import { errorSchema } from './error-answer.ts'
import { maskedConfig, maskedConfigSchema } from './masked-config.ts'
import type { AdminServices } from './services.ts'
import type { TypedApp } from './typed-app.ts'

export function configRoutes(app: TypedApp, { keeper }: AdminServices): void {
  app.get('/admin/v1/config', { schema: { summary: 'The configuration in force, without its secrets', response: { 200: maskedConfigSchema } } }, async () => maskedConfig(keeper.current))

  app.post('/admin/v1/reload', {
    schema: { summary: 'Reads the configuration file again; answers when every worker has it, or says what is wrong with it', response: { 200: changedSchema, 422: errorSchema, 500: errorSchema, 504: errorSchema } },
  }, async (_request, reply) => {
    const change = await keeper.reload({ onlyIfChanged: false })
    if (change?.kind === 'in-force') return { version: change.version, workers: change.workers, warnings: [...change.warnings] }
    if (change === null) throw new Error('a reload that was asked for always happens')
    const { status, answer } = changeError(change)
    return reply.code(status).send(answer)
  })
}
