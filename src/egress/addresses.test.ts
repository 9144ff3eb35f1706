import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopbackAddress, isPrivateAddress, refusalOfAddresses } from './addresses.ts'

const isForbidden = async (address: string): Promise<boolean> =>
  (await refusalOfAddresses([address], 443, [])) !== undefined

test('R7 link-local, unspecified and metadata addresses are forbidden in every clothing', async () => {
  const forbidden = [
    '169.254.169.254',
    '169.254.170.2',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    'fe80::1',
    'fe80::1%lo',
    'fd00:ec2::254',
    'fd20:ce::254',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    // The same within IPv6: mapped, compatible, through NAT64 and 6to4.
    '::ffff:169.254.169.254',
    '::169.254.169.254',
    '64:ff9b::a9fe:a9fe',
    '64:FF9B::169.254.169.254',
    '64:ff9b:1::a9fe:a9fe',
    '64:ff9b:1:2:3:4:a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '2002:a9fe:a9fe:1:2:3:4:5',
    '64:ff9b::6464:64c8',
    // Somebody else's loopback.
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '::127.9.9.9',
  ]
  for (const address of forbidden) assert.equal(await isForbidden(address), true, address)
  const open = [
    '93.184.215.14',
    '2606:2800:21f::1',
    '64:ff9b::5db8:d70e',
    '2002:5db8:d70e::1',
    '::1',
    '10.0.0.1',
  ]
  for (const address of open) assert.equal(await isForbidden(address), false, address)
})

test('loopback is what this host is, and private networks are known through NAT64 and 6to4, too', () => {
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'])
    assert.deepEqual([isLoopbackAddress(address), isPrivateAddress(address)], [true, true], address)
  const inside = ['10.1.2.3', '64:ff9b::10.1.2.3', '2002:c0a8:1::1', 'fd12::1', '::ffff:172.16.0.1']
  for (const address of [...inside, '64:ff9b::7f00:1', '2002:7f00:1::'])
    assert.deepEqual([isLoopbackAddress(address), isPrivateAddress(address)], [false, true], address)
  for (const address of ['93.184.215.14', '64:ff9b::5db8:d70e', '2606:2800:21f::1'])
    assert.deepEqual([isLoopbackAddress(address), isPrivateAddress(address)], [false, false], address)
})
