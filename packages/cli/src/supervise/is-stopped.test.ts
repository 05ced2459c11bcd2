import { spawn, type ChildProcess } from 'node:child_process'
import { afterEach, expect, it } from 'vitest'
import { eventually } from '../run-command.ts'
import { isStopped } from './is-stopped.ts'

let child: ChildProcess | null = null
afterEach(() => { child?.kill('SIGKILL') })

it.skipIf(process.platform !== 'linux')('tells a process that a signal holds from one that works, sleeps or is gone', async () => {
  child = spawn(process.execPath, ['-e', 'process.title = "a) T b"; console.log(1); for (;;);'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise(resolve => { child?.stdout?.once('data', resolve) })
  const pid = child.pid ?? 0
  expect([isStopped(pid), isStopped(process.pid)]).toEqual([false, false])
  child.kill('SIGSTOP')
  await eventually('the stop', () => isStopped(pid))
  child.kill('SIGCONT')
  await eventually('the way on', () => !isStopped(pid))
  const gone = new Promise(resolve => { child?.once('exit', resolve) })
  child.kill('SIGKILL')
  await gone
  expect(isStopped(pid)).toBe(false)
})
