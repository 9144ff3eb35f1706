import { randomBytes } from 'node:crypto'
import { countGuess, deviceSubject, forgive } from '../access/back-off.ts'
import { mfaDeviceArn, rootArn } from '../access/identity-arns.ts'
import { readClock } from '../access/mfa.ts'
import type { ClockFinding } from '../access/mfa.ts'
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  InvalidAuthenticationCodeException,
  InvalidInputException,
  LimitExceededException,
  NoSuchEntityException,
} from '../aws/generated/iam.ts'
import type {
  CreateVirtualMFADeviceRequest,
  CreateVirtualMFADeviceResponse,
  DeactivateMFADeviceRequest,
  EnableMFADeviceRequest,
  GetMFADeviceRequest,
  GetMFADeviceResponse,
  IamApi,
  ListMFADevicesRequest,
  ListMFADevicesResponse,
  ListVirtualMFADevicesRequest,
  ListVirtualMFADevicesResponse,
  ResyncMFADeviceRequest,
  VirtualMFADevice,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { toBase32 } from '../lib/totp.ts'
import { findAccount } from '../store/identity/accounts.ts'
import { findUserById } from '../store/identity/identities.ts'
import {
  assignMfaDevice,
  countMfaDevices,
  deleteMfaDevice,
  findMfaDevice,
  insertMfaDevice,
  listMfaDevices,
  unassignMfaDevice,
  useMfaStep,
} from '../store/identity/mfa-devices.ts'
import type { MfaDeviceTable } from '../store/identity/schema-credentials.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { on, requestTags, tagKeys } from './conditions.ts'
import { anyResource, userNamed, userOrCaller, userOrCallerTarget, userTarget } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { qrCodePng } from './qr-code.ts'
import { addTags, checkedTags, removeTags, tagMembers, tagPage } from './tags.ts'
import { userMember } from './users.ts'

/** As AWS's seeds: 64 letters of base32. */
const SEED_BYTES = 40
const MAX_DEVICES_PER_USER = 8
/** Devices of an account, somebody's or not: as many as it may have users (IAM and AWS STS quotas). */
const MAX_DEVICES = 5_000
/** What the other operations take for a serial number: a path could make one that they refuse. */
const SERIAL_NUMBER = /^[\w+=/:,.@-]{9,256}$/

type Operations =
  | 'CreateVirtualMFADevice'
  | 'DeleteVirtualMFADevice'
  | 'EnableMFADevice'
  | 'DeactivateMFADevice'
  | 'ResyncMFADevice'
  | 'GetMFADevice'
  | 'ListMFADevices'
  | 'ListVirtualMFADevices'
  | 'TagMFADevice'
  | 'UntagMFADevice'
  | 'ListMFADeviceTags'

/**
 * Virtual devices, which are apps that show time-based codes (lib/totp.ts). Which user has which is decided on the user; the
 * device itself is the resource only while it is made, tagged and deleted (Service Authorization Reference, IAM).
 */
export const mfaDevices: Pick<Service<IamApi, Context>, Operations> = {
  CreateVirtualMFADevice: {
    resource: (ctx, input) => newArn(ctx, input),
    context: requestTags,
    handler: createDevice,
  },
  DeleteVirtualMFADevice: {
    ...on(deviceTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const device = await deviceNamed(ctx, input.SerialNumber, tx)
        if (device.user_id !== null)
          throw new DeleteConflictException('MFA VirtualDevice in use. Must deactivate first.')
        await deleteMfaDevice(tx, device.serial_number)
        await deleteAllTags(tx, ctx.accountId, device.serial_number)
        return {}
      }),
  },
  EnableMFADevice: { ...on(userTarget), handler: enableDevice },
  DeactivateMFADevice: { ...on(userOrCallerTarget), handler: deactivateDevice },
  ResyncMFADevice: { ...on(userTarget), handler: resyncDevice },
  GetMFADevice: { ...on(ownerTarget), handler: getDevice },
  ListMFADevices: { ...on(userOrCallerTarget), handler: listDevices },
  ListVirtualMFADevices: { resource: anyResource, handler: listVirtualDevices },
  TagMFADevice: {
    ...on(deviceTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const device = await deviceNamed(ctx, input.SerialNumber, tx)
        await addTags(tx, ctx.accountId, device.serial_number, input.Tags)
        return {}
      }),
  },
  UntagMFADevice: {
    ...on(deviceTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const device = await deviceNamed(ctx, input.SerialNumber, tx)
        await removeTags(tx, ctx.accountId, device.serial_number, input.TagKeys)
        return {}
      }),
  },
  ListMFADeviceTags: {
    ...on(deviceTarget),
    handler: async (ctx, input) =>
      await tagPage(ctx, (await deviceNamed(ctx, input.SerialNumber)).serial_number, input),
  },
}

function newArn(ctx: Context, input: CreateVirtualMFADeviceRequest): string {
  return mfaDeviceArn({
    account_id: ctx.accountId,
    path: input.Path ?? '/',
    name: input.VirtualMFADeviceName,
  })
}

/** A virtual device's serial number is its ARN; hardware devices, which have none here, would have no ARN. */
async function deviceTarget(ctx: Context, input: { readonly SerialNumber: string }): Promise<string> {
  const { SerialNumber } = input
  return SerialNumber.startsWith('arn:')
    ? SerialNumber
    : mfaDeviceArn({ account_id: ctx.accountId, path: '/', name: SerialNumber })
}

/** The user that a request means: the one it names, else the one who has the device. */
async function ownerTarget(ctx: Context, input: GetMFADeviceRequest): Promise<string> {
  if (input.UserName !== undefined) return await userTarget(ctx, { UserName: input.UserName })
  const device = await findMfaDevice(ctx.store.db, ctx.accountId, input.SerialNumber)
  const owner = device?.user_id == null ? undefined : await findUserById(ctx.store.db, device.user_id)
  return owner === undefined ? rootArn(ctx.accountId) : await userTarget(ctx, { UserName: owner.name })
}

async function deviceNamed(
  ctx: Context,
  serialNumber: string,
  db: Queryable = ctx.store.db,
): Promise<MfaDeviceTable> {
  const device = await findMfaDevice(db, ctx.accountId, serialNumber)
  if (device === undefined)
    throw new NoSuchEntityException(`VirtualMFADevice with serial number ${serialNumber} does not exist.`)
  return device
}

/** The only answer that ever has the seed: at rest it is sealed, bound to the serial number. */
async function createDevice(
  ctx: Context,
  input: CreateVirtualMFADeviceRequest,
): Promise<CreateVirtualMFADeviceResponse> {
  const tags = checkedTags(input.Tags)
  const serialNumber = newArn(ctx, input)
  if (!SERIAL_NUMBER.test(serialNumber)) {
    throw new InvalidInputException(
      `The serial number "${serialNumber}" must have 9 to 256 letters, digits or any of _+=/:,.@-`,
    )
  }
  const seed = toBase32(randomBytes(SEED_BYTES))
  const account = await ctx.store.transaction(async (tx) => {
    if ((await countMfaDevices(tx, ctx.accountId)).all >= MAX_DEVICES)
      throw new LimitExceededException(`Cannot exceed quota for VirtualMFADevicesPerAccount: ${MAX_DEVICES}`)
    const isNew = await insertMfaDevice(tx, {
      serial_number: serialNumber,
      account_id: ctx.accountId,
      user_id: null,
      seed: ctx.serverKey.seal('mfa-seed', serialNumber, Buffer.from(seed)),
      created_at: ctx.now,
      enabled_at: null,
      drift: 0,
      last_step: 0,
    })
    if (!isNew)
      throw new EntityAlreadyExistsException('MFADevice entity at the same path and name already exists.')
    await putTags(tx, ctx.accountId, serialNumber, tags)
    return await findAccount(tx, ctx.accountId)
  })
  const label = `${input.VirtualMFADeviceName}@${account?.alias ?? ctx.accountId}`
  const uri = `otpauth://totp/${encodeURIComponent(label)}?secret=${seed}&issuer=Roleback`
  return {
    VirtualMFADevice: {
      SerialNumber: serialNumber,
      Base32StringSeed: Buffer.from(seed),
      QRCodePNG: qrCodePng(uri),
      Tags: await tagMembers(ctx.store.db, ctx.accountId, serialNumber),
    },
  }
}

async function enableDevice(ctx: Context, input: EnableMFADeviceRequest): Promise<Record<never, never>> {
  const { userId, device } = await ctx.store.transaction(async (tx) => {
    const user = await userNamed(ctx, input.UserName, tx)
    const found = await deviceNamed(ctx, input.SerialNumber, tx)
    if (found.user_id !== null) throw inUse()
    const { rows } = await listMfaDevices(
      tx,
      { accountId: ctx.accountId, userId: user.user_id },
      { limit: MAX_DEVICES_PER_USER },
    )
    if (rows.length >= MAX_DEVICES_PER_USER)
      throw new LimitExceededException(`Cannot exceed quota for MFADevicesPerUser: ${MAX_DEVICES_PER_USER}`)
    return { userId: user.user_id, device: found }
  })
  const clock = await clockOf(ctx, device, input, 'enable')
  // Codes that were used before the device was taken from somebody prove nothing.
  if (clock.step <= device.last_step) throw invalidCode()
  if (!(await assignMfaDevice(ctx.store.db, device.serial_number, { userId, at: ctx.now, ...clock })))
    throw inUse()
  return {}
}

function inUse(): EntityAlreadyExistsException {
  return new EntityAlreadyExistsException('MFA Device already in use.')
}

/** What two codes in a row tell; guessing at them is held back as any other. */
async function clockOf(
  ctx: Context,
  device: MfaDeviceTable,
  input: { readonly AuthenticationCode1: string; readonly AuthenticationCode2: string },
  purpose: 'enable' | 'resync',
): Promise<ClockFinding> {
  const subject = deviceSubject(device.serial_number)
  const codes = [input.AuthenticationCode1, input.AuthenticationCode2] as const
  const isLookedAt = await countGuess(ctx.store.db, subject, ctx.now)
  const clock = isLookedAt ? readClock(ctx.serverKey, device, codes, ctx.now, purpose) : undefined
  if (clock === undefined) throw invalidCode()
  await forgive(ctx.store.db, subject)
  return clock
}

function invalidCode(): InvalidAuthenticationCodeException {
  return new InvalidAuthenticationCodeException('Authentication code for device is not valid.')
}

/** The device, if it is the user's whom the action was decided on. */
async function usersDevice(
  ctx: Context,
  userId: string,
  serialNumber: string,
  db: Queryable,
): Promise<MfaDeviceTable> {
  const device = await findMfaDevice(db, ctx.accountId, serialNumber)
  if (device?.user_id !== userId) throw new NoSuchEntityException('MFA Device invalid for user.')
  return device
}

async function deactivateDevice(
  ctx: Context,
  input: DeactivateMFADeviceRequest,
): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const user = await userOrCaller(ctx, input.UserName, tx)
    const device = await usersDevice(ctx, user.user_id, input.SerialNumber, tx)
    await unassignMfaDevice(tx, device.serial_number)
    return {}
  })
}

async function resyncDevice(ctx: Context, input: ResyncMFADeviceRequest): Promise<Record<never, never>> {
  const user = await userNamed(ctx, input.UserName)
  const device = await usersDevice(ctx, user.user_id, input.SerialNumber, ctx.store.db)
  const { step, drift } = await clockOf(ctx, device, input, 'resync')
  const use = { serialNumber: device.serial_number, userId: user.user_id, step, drift }
  if (!(await useMfaStep(ctx.store.db, use))) throw invalidCode()
  return {}
}

async function getDevice(ctx: Context, input: GetMFADeviceRequest): Promise<GetMFADeviceResponse> {
  const device = await deviceNamed(ctx, input.SerialNumber)
  const named = input.UserName === undefined ? undefined : await userNamed(ctx, input.UserName)
  if (named !== undefined && device.user_id !== named.user_id)
    throw new NoSuchEntityException('MFA Device invalid for user.')
  const user = device.user_id === null ? undefined : await findUserById(ctx.store.db, device.user_id)
  return {
    UserName: user?.name,
    SerialNumber: device.serial_number,
    EnableDate: device.enabled_at === null ? undefined : new Date(device.enabled_at),
  }
}

async function listDevices(ctx: Context, input: ListMFADevicesRequest): Promise<ListMFADevicesResponse> {
  // The root user can have none.
  if (input.UserName === undefined && ctx.principal.kind === 'root')
    return { MFADevices: [], IsTruncated: false }
  const user = await userOrCaller(ctx, input.UserName)
  const list = `ListMFADevices ${user.user_id}`
  const filter = { accountId: ctx.accountId, userId: user.user_id }
  const { rows, next } = await listMfaDevices(ctx.store.db, filter, pageRequest(ctx, list, input))
  return {
    MFADevices: rows.map((row) => ({
      UserName: user.name,
      SerialNumber: row.serial_number,
      EnableDate: new Date(row.enabled_at ?? row.created_at),
    })),
    ...pageMembers(ctx, list, next),
  }
}

async function listVirtualDevices(
  ctx: Context,
  input: ListVirtualMFADevicesRequest,
): Promise<ListVirtualMFADevicesResponse> {
  const status = input.AssignmentStatus ?? 'Any'
  const list = `ListVirtualMFADevices ${status}`
  const filter = {
    accountId: ctx.accountId,
    isAssigned: status === 'Any' ? undefined : status === 'Assigned',
  }
  const { rows, next } = await listMfaDevices(ctx.store.db, filter, pageRequest(ctx, list, input))
  const devices: VirtualMFADevice[] = []
  for (const row of rows) {
    const user = row.user_id === null ? undefined : await findUserById(ctx.store.db, row.user_id)
    devices.push({
      SerialNumber: row.serial_number,
      User: user === undefined ? undefined : userMember(user),
      EnableDate: row.enabled_at === null ? undefined : new Date(row.enabled_at),
    })
  }
  return { VirtualMFADevices: devices, ...pageMembers(ctx, list, next) }
}
