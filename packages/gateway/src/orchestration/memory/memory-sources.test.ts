import { expect, it } from 'vitest'
import { ControlGroups } from './memory-sources.ts'

const GIB = 2 ** 30
const group = (files: Readonly<Record<string, string>>) => new ControlGroups(path => files[path] ?? null)

it.each([
  ['v2, its own group', {
    '/proc/self/cgroup': '0::/app\n',
    '/sys/fs/cgroup/app/memory.max': `${GIB}\n`, '/sys/fs/cgroup/app/memory.current': '700\n', '/sys/fs/cgroup/app/memory.stat': 'anon 1\nfile_mapped 30\ninactive_file 180\nactive_file 50\n',
  }, [{ limit: GIB, used: 500, shared: true }]],
  ['v2, a parent whose limit is the smaller one, and a root without files', {
    '/proc/self/cgroup': '0::/pod/app\n',
    '/sys/fs/cgroup/pod/app/memory.max': 'max\n', '/sys/fs/cgroup/pod/app/memory.current': '7\n', '/sys/fs/cgroup/pod/app/memory.stat': 'inactive_file 0\n',
    '/sys/fs/cgroup/pod/memory.max': '1000\n', '/sys/fs/cgroup/pod/memory.current': '900\n', '/sys/fs/cgroup/pod/memory.stat': 'inactive_file 100\n',
  }, [{ limit: 1_000, used: 800, shared: true }]],
  ['v2, as a container sees it', {
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/memory.max': '1000\n', '/sys/fs/cgroup/memory.current': '10\n',
  }, [{ limit: 1_000, used: 10, shared: true }]],
  ['v1, under a path that is the host\'s', {
    '/proc/self/cgroup': '12:cpu,cpuacct:/docker/abc\n5:memory:/docker/abc\n0::/\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '2000\n', '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1500\n', '/sys/fs/cgroup/memory/memory.stat': 'inactive_file 1\nmapped_file 1\ntotal_mapped_file 20\ntotal_inactive_file 400\ntotal_active_file 20\n',
  }, [{ limit: 2_000, used: 1_100, shared: true }]],
  ['v1 without a limit', {
    '/proc/self/cgroup': '5:memory:/\n',
    '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n', '/sys/fs/cgroup/memory/memory.usage_in_bytes': '1500\n',
  }, []],
  ['no control groups at all', {}, []],
  ['a use that cannot be read is none', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '1000\n' }, []],
] as const)('what a control group allows and uses is read from the files of %s', (_name, files, expected) => {
  expect(group(files).use()).toEqual(expected)
})
