import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { decodeQR } from 'qr/decode.js'
import { useCode, matchCode, takeCode } from '../access/mfa.ts'
import { fromBase32, totpCode, totpStep } from '../lib/totp.ts'
import { findMfaDevice } from '../store/identity/mfa-devices.ts'
import { ACCOUNT, allow, asUser, awsError, callIam, openWorld } from './iam.fixture.ts'
import type { World } from './iam.fixture.ts'

interface Device {
  readonly SerialNumber: string
  readonly seed: Buffer
}

async function makeDevice(world: World, VirtualMFADeviceName: string): Promise<Device> {
  const { VirtualMFADevice } = await callIam(world, world.root, 'CreateVirtualMFADevice', {
    VirtualMFADeviceName,
  })
  const { SerialNumber, Base32StringSeed = new Uint8Array() } = VirtualMFADevice
  return { SerialNumber, seed: fromBase32(Buffer.from(Base32StringSeed).toString()) }
}

function twoCodes(
  world: World,
  { seed }: Device,
  ahead = 0,
): { AuthenticationCode1: string; AuthenticationCode2: string } {
  const step = totpStep(world.now) + ahead
  return { AuthenticationCode1: totpCode(seed, step - 1), AuthenticationCode2: totpCode(seed, step) }
}

async function enabled(world: World, UserName: string, name = UserName): Promise<Device> {
  const device = await makeDevice(world, name)
  const { SerialNumber } = device
  await callIam(world, world.root, 'EnableMFADevice', { UserName, SerialNumber, ...twoCodes(world, device) })
  return device
}

/** One pixel a byte, 0 black and 255 white, of the PNG that the server writes. */
function pixelsOf(png: Buffer): { width: number; height: number; data: Uint8Array } {
  const size = png.readUInt32BE(16)
  const at = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
  const stride = Math.ceil(size / 8) + 1
  const data = new Uint8Array(size * size * 4)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const isWhite = ((rows[y * stride + 1 + (x >> 3)] as number) >> (7 - (x & 7))) & 1
      data.set([isWhite * 255, isWhite * 255, isWhite * 255, 255], (y * size + x) * 4)
    }
  }
  return { width: size, height: size, data }
}

test('a virtual device has a seed of 64 letters, and a picture that an authenticator reads', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateAccountAlias', { AccountAlias: 'acme' })
  const { VirtualMFADevice } = await callIam(world, world.root, 'CreateVirtualMFADevice', {
    VirtualMFADeviceName: 'anna',
    Path: '/ops/',
    Tags: [{ Key: 'team', Value: 'db' }],
  })
  const { SerialNumber, Base32StringSeed = [], QRCodePNG = [] } = VirtualMFADevice
  assert.equal(SerialNumber, `arn:aws:iam::${ACCOUNT}:mfa/ops/anna`)
  const seed = Buffer.from(Base32StringSeed).toString()
  assert.match(seed, /^[A-Z2-7]{64}$/)
  const text = decodeQR(pixelsOf(Buffer.from(QRCodePNG)))
  assert.equal(text, `otpauth://totp/anna%40acme?secret=${seed}&issuer=Roleback`)
  const row = await findMfaDevice(world.store.db, ACCOUNT, SerialNumber)
  assert.ok(!JSON.stringify(row).includes(seed), 'the seed lies sealed')
  const tags = await callIam(world, world.root, 'ListMFADeviceTags', { SerialNumber })
  assert.deepEqual(tags.Tags, [{ Key: 'team', Value: 'db' }])
  await assert.rejects(
    callIam(world, world.root, 'CreateVirtualMFADevice', { VirtualMFADeviceName: 'anna', Path: '/ops/' }),
    awsError('EntityAlreadyExists', 'MFADevice entity at the same path and name already exists.'),
  )
  await assert.rejects(
    callIam(world, world.root, 'CreateVirtualMFADevice', { VirtualMFADeviceName: 'a', Path: '/<>/' }),
    awsError('InvalidInput', 'serial number'),
  )
  await world.store.close()
})

test('a device is enabled by two codes in a row, and by nothing else', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const device = await makeDevice(world, 'anna')
  const enable = async (codes: object): Promise<unknown> =>
    await callIam(world, world.root, 'EnableMFADevice', {
      UserName: 'anna',
      SerialNumber: device.SerialNumber,
      ...(codes as ReturnType<typeof twoCodes>),
    })
  const { AuthenticationCode1, AuthenticationCode2 } = twoCodes(world, device)
  const invalid = awsError('InvalidAuthenticationCode', 'Authentication code for device is not valid.')
  await assert.rejects(
    enable({ AuthenticationCode1, AuthenticationCode2: AuthenticationCode1 }),
    invalid,
    'one code twice',
  )
  await assert.rejects(
    enable({ AuthenticationCode1: AuthenticationCode2, AuthenticationCode2: AuthenticationCode1 }),
    invalid,
    'the wrong way round',
  )
  await assert.rejects(enable(twoCodes(world, device, -200)), invalid, 'of another time')
  await enable({ AuthenticationCode1, AuthenticationCode2 })
  await assert.rejects(enable(twoCodes(world, device)), awsError('EntityAlreadyExists', 'already in use'))
  const { MFADevices } = await callIam(world, world.root, 'ListMFADevices', { UserName: 'anna' })
  assert.deepEqual(MFADevices, [
    { UserName: 'anna', SerialNumber: device.SerialNumber, EnableDate: new Date(world.now) },
  ])
  await assert.rejects(
    callIam(world, world.root, 'DeleteUser', { UserName: 'anna' }),
    awsError('DeleteConflict', 'Cannot delete entity, must delete MFA device first.'),
  )
  await assert.rejects(
    callIam(world, world.root, 'DeleteVirtualMFADevice', { SerialNumber: device.SerialNumber }),
    awsError('DeleteConflict', 'MFA VirtualDevice in use. Must deactivate first.'),
  )
  await world.store.close()
})

test('codes that enabled a device, or came before, open nothing later: neither a session nor the device again', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const device = await enabled(world, 'anna')
  const { SerialNumber } = device
  const { identityId: userId = '' } = await asUser(world, 'anna')
  const tools = { db: world.store.db, serverKey: world.serverKey }
  const take = async (ahead: number): Promise<string> => {
    const code = totpCode(device.seed, totpStep(world.now) + ahead)
    return await takeCode(
      tools,
      { accountId: ACCOUNT, userId },
      { serialNumber: SerialNumber, code },
      world.now,
    )
  }
  assert.equal(await take(0), 'wrong-code')
  assert.equal(await take(-1), 'wrong-code')
  assert.equal(await take(1), 'ok')
  assert.equal(await take(1), 'wrong-code')
  const codes = twoCodes(world, device)
  await callIam(world, world.root, 'DeactivateMFADevice', { UserName: 'anna', SerialNumber })
  await assert.rejects(
    callIam(world, world.root, 'EnableMFADevice', { UserName: 'anna', SerialNumber, ...codes }),
    awsError('InvalidAuthenticationCode'),
  )
  world.now += 120_000
  await callIam(world, world.root, 'EnableMFADevice', {
    UserName: 'anna',
    SerialNumber,
    ...twoCodes(world, device),
  })
  await world.store.close()
})

test('of many requests with one code one gets it', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const { SerialNumber, seed } = await enabled(world, 'anna')
  world.now += 60_000
  const device = await findMfaDevice(world.store.db, ACCOUNT, SerialNumber)
  assert.ok(device)
  const code = totpCode(seed, totpStep(world.now))
  const match = matchCode(world.serverKey, [device], code, world.now)
  assert.ok(match)
  const won = await Promise.all(Array.from({ length: 20 }, () => useCode(world.store.db, match)))
  assert.equal(won.filter(Boolean).length, 1)
  await world.store.close()
})

test('guessing at codes is held back, and a right one is not looked at meanwhile', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const { SerialNumber, seed } = await enabled(world, 'anna')
  world.now += 60_000
  const { identityId: userId = '' } = await asUser(world, 'anna')
  const tools = { db: world.store.db, serverKey: world.serverKey }
  const right = totpCode(seed, totpStep(world.now))
  const wrong = right === '000000' ? '000001' : '000000'
  const take = async (code: string): Promise<string> =>
    await takeCode(tools, { accountId: ACCOUNT, userId }, { serialNumber: SerialNumber, code }, world.now)
  const guesses = await Promise.all(Array.from({ length: 5 }, () => take(wrong)))
  assert.deepEqual(new Set(guesses), new Set(['wrong-code']))
  assert.equal(await take(right), 'wrong-code')
  world.now += 1_001
  assert.equal(await take(right), 'ok')
  await world.store.close()
})

test('a device whose clock is off is brought back by two codes, and one of another user is not', async () => {
  const world = await openWorld()
  for (const UserName of ['anna', 'bert']) await callIam(world, world.root, 'CreateUser', { UserName })
  const device = await enabled(world, 'anna')
  const { SerialNumber } = device
  const { identityId: userId = '' } = await asUser(world, 'anna')
  const tools = { db: world.store.db, serverKey: world.serverKey }
  const take = async (ahead: number): Promise<string> => {
    const code = totpCode(device.seed, totpStep(world.now) + ahead)
    return await takeCode(
      tools,
      { accountId: ACCOUNT, userId },
      { serialNumber: SerialNumber, code },
      world.now,
    )
  }
  assert.equal(await take(40), 'wrong-code')
  const resync = async (UserName: string, ahead: number): Promise<unknown> =>
    await callIam(world, world.root, 'ResyncMFADevice', {
      UserName,
      SerialNumber,
      ...twoCodes(world, device, ahead),
    })
  await assert.rejects(resync('bert', 40), awsError('NoSuchEntity', 'MFA Device invalid for user.'))
  await assert.rejects(resync('anna', 4_000), awsError('InvalidAuthenticationCode'))
  await resync('anna', 40)
  assert.equal(await take(40), 'wrong-code', 'its codes are used up, too')
  assert.equal(await take(41), 'ok')
  await assert.rejects(resync('anna', 40), awsError('InvalidAuthenticationCode'), 'and cannot be given again')
  await world.store.close()
})

test('devices are listed by assignment and page, shown by serial number, tagged and deleted', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const mine = await enabled(world, 'anna', 'b')
  for (const name of ['a', 'c']) await makeDevice(world, name)
  const list = async (input: object): Promise<{ names: string[]; Marker?: string | undefined }> => {
    const { VirtualMFADevices, Marker } = await callIam(world, world.root, 'ListVirtualMFADevices', input)
    return { names: VirtualMFADevices.map((device) => device.SerialNumber.slice(-1)), Marker }
  }
  assert.deepEqual((await list({})).names, ['a', 'b', 'c'])
  assert.deepEqual((await list({ AssignmentStatus: 'Assigned' })).names, ['b'])
  assert.deepEqual((await list({ AssignmentStatus: 'Unassigned' })).names, ['a', 'c'])
  const { names, Marker } = await list({ MaxItems: 2 })
  assert.deepEqual([names, (await list({ Marker })).names], [['a', 'b'], ['c']])
  await assert.rejects(list({ AssignmentStatus: 'Assigned', Marker }), awsError('ValidationError', 'Marker'))
  const { SerialNumber } = mine
  const shown = await callIam(world, world.root, 'GetMFADevice', { SerialNumber })
  assert.deepEqual([shown.UserName, shown.EnableDate], ['anna', new Date(world.now)])
  await callIam(world, world.root, 'TagMFADevice', { SerialNumber, Tags: [{ Key: 'k', Value: 'v' }] })
  await callIam(world, world.root, 'UntagMFADevice', { SerialNumber, TagKeys: ['K'] })
  assert.deepEqual((await callIam(world, world.root, 'ListMFADeviceTags', { SerialNumber })).Tags, [])
  await callIam(world, world.root, 'DeactivateMFADevice', { UserName: 'anna', SerialNumber })
  await callIam(world, world.root, 'DeleteVirtualMFADevice', { SerialNumber })
  await assert.rejects(callIam(world, world.root, 'GetMFADevice', { SerialNumber }), awsError('NoSuchEntity'))
  const { SummaryMap } = await callIam(world, world.root, 'GetAccountSummary', {})
  assert.deepEqual([SummaryMap?.MFADevices, SummaryMap?.MFADevicesInUse], [2, 0])
  await world.store.close()
})

test('a user has eight devices at most, and AWS’s self-service policy lets him have his own', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await callIam(world, world.root, 'CreateUser', { UserName: 'bert' })
  for (let i = 0; i < 8; i++) await enabled(world, 'anna', `d${i}`)
  await assert.rejects(enabled(world, 'anna', 'd8'), awsError('LimitExceeded', 'MFADevicesPerUser: 8'))
  const own = ['iam:EnableMFADevice', 'iam:DeactivateMFADevice', 'iam:GetMFADevice', 'iam:ListMFADevices']
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'bert',
    PolicyName: 'own',
    PolicyDocument: allow(own, 'arn:aws:iam::*:user/${aws:username}'),
  })
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'bert',
    PolicyName: 'make',
    PolicyDocument: allow('iam:CreateVirtualMFADevice', 'arn:aws:iam::*:mfa/*'),
  })
  const bert = await asUser(world, 'bert')
  const { VirtualMFADevice } = await callIam(world, bert, 'CreateVirtualMFADevice', {
    VirtualMFADeviceName: 'bert',
  })
  const { SerialNumber, Base32StringSeed = [] } = VirtualMFADevice
  const device = { SerialNumber, seed: fromBase32(Buffer.from(Base32StringSeed).toString()) }
  const codes = twoCodes(world, device)
  await callIam(world, bert, 'EnableMFADevice', { UserName: 'bert', SerialNumber, ...codes })
  assert.equal((await callIam(world, bert, 'GetMFADevice', { SerialNumber })).UserName, 'bert')
  assert.equal((await callIam(world, bert, 'ListMFADevices', {})).MFADevices.length, 1)
  const others = `arn:aws:iam::${ACCOUNT}:mfa/d0`
  for (const input of [{ SerialNumber: others }, { UserName: 'anna', SerialNumber: others }])
    await assert.rejects(callIam(world, bert, 'GetMFADevice', input), awsError('AccessDenied'))
  await assert.rejects(
    callIam(world, bert, 'DeactivateMFADevice', { UserName: 'anna', SerialNumber: others }),
    awsError('AccessDenied'),
  )
  await assert.rejects(
    callIam(world, bert, 'DeactivateMFADevice', { SerialNumber: others }),
    awsError('NoSuchEntity'),
    'his own right does not reach another’s device',
  )
  await callIam(world, bert, 'DeactivateMFADevice', { SerialNumber })
  await world.store.close()
})
