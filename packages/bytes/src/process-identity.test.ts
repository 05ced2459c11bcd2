import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { isRunning, processIdentity } from './process-identity.ts'

it('knows this process, and not one that ended or has another start time', async () => {
  expect(isRunning(processIdentity(process.pid))).toBe(true)
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const identity = processIdentity(child.pid ?? 0)
  expect(isRunning(identity)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(isRunning(identity)).toBe(false)
  if (process.platform === 'linux') expect(isRunning(`${process.pid}:1:other-boot`)).toBe(false)
})

it.each(['', 'x', '-1', '0'])('takes %j for nobody', identity => expect(isRunning(identity)).toBe(false))
