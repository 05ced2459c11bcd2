import { expect, test } from 'vitest'
import { listenProblem } from './listen-problem.ts'

test.each([
  ['listen EADDRINUSE: address already in use 127.0.0.1:8787', 'Port 8787 is in use by another program'],
  ['bind EADDRINUSE 127.0.0.1:8787', 'choose another port with --port'],
  ['bind EACCES 0.0.0.0:80', 'may not listen on 0.0.0.0:80'],
  ['listen EADDRNOTAVAIL: address not available 9.9.9.9:80', 'Give one that is with --host'],
  ['the certificate is broken', 'the certificate is broken'],
])('%s is told with what to do', (reason, told) => { expect(listenProblem(reason)).toContain(told) })
