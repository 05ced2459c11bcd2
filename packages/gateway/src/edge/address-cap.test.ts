import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { AddressCap, addressGroup } from './address-cap.ts'

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:0:0:ffff:1:2:3', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::', '2001:db8:0:1::/64'],
  ['1::2:3:4:5:6', '1:0:0:2::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::1.2.3.4', '64:ff9b:0:0::/64'],
  ['', ''],
])('%j counts as %j', (address, group) => expect(addressGroup(address)).toBe(group))

test('an address may hold so many connections; what closes makes room, and nothing is left behind', () => {
  const cap = new AddressCap()
  const from = (remoteAddress: string): Socket => Object.assign(new EventEmitter(), { remoteAddress }) as unknown as Socket
  const held = [from('192.0.2.1'), from('::ffff:192.0.2.1')]
  expect(held.map(socket => cap.enter(socket, 2))).toEqual([true, true])
  const refused = from('192.0.2.1')
  expect(cap.enter(refused, 2)).toBe(false)
  expect(cap.enter(from('192.0.2.2'), 2)).toBe(true)
  // Who was not counted is not taken off.
  refused.emit('close')
  expect(cap.enter(from('192.0.2.1'), 2)).toBe(false)
  held[0]?.emit('close')
  expect(cap.enter(from('192.0.2.1'), 2)).toBe(true)
  held[1]?.emit('close')
  expect(cap.size).toBe(2)
})
