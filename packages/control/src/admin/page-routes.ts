import { createPage } from '../page/page.ts'
import type { AdminServices } from './services.ts'
import type { TypedApp } from './typed-app.ts'

/** The one thing that everybody may see: it holds nothing, and asks the API with the key that is given to it. */
export function pageRoutes(app: TypedApp, _services: AdminServices): void {
  const page = createPage()
  app.get('/', { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => reply.type('text/html; charset=utf-8').headers(page.headers).send(page.html))
}
