import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  ChangePasswordCommand,
  CreateAccessKeyCommand,
  CreateAccountAliasCommand,
  CreateLoginProfileCommand,
  CreateUserCommand,
  CreateVirtualMFADeviceCommand,
  DeactivateMFADeviceCommand,
  DeleteAccountAliasCommand,
  DeleteAccountPasswordPolicyCommand,
  DeleteLoginProfileCommand,
  DeleteUserCommand,
  DeleteVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GenerateCredentialReportCommand,
  GetAccountPasswordPolicyCommand,
  GetAccountSummaryCommand,
  GetCredentialReportCommand,
  GetLoginProfileCommand,
  GetMFADeviceCommand,
  ListAccountAliasesCommand,
  ListDelegationRequestsCommand,
  ListMFADeviceTagsCommand,
  ListMFADevicesCommand,
  ListOrganizationsFeaturesCommand,
  ListSAMLProvidersCommand,
  ListServerCertificatesCommand,
  ListUsersCommand,
  ListVirtualMFADevicesCommand,
  ResyncMFADeviceCommand,
  TagMFADeviceCommand,
  UntagMFADeviceCommand,
  UpdateAccountPasswordPolicyCommand,
  UpdateLoginProfileCommand,
} from '@aws-sdk/client-iam'
import { AssumeRoleCommand, GetSessionTokenCommand } from '@aws-sdk/client-sts'
import type { Credentials as SdkCredentials } from '@aws-sdk/client-sts'
import type { Credentials } from '../../src/aws/client.ts'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { allow, makeRole, makeUser } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Passwords, MFA devices and what is reported of them, through the SDK. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { iam } = clients

const FIRST = 'First-password-1'
const SECOND = 'Second-password-2'

interface Device {
  readonly SerialNumber: string
  /** The code of so many steps from when the device was made. */
  readonly code: (ahead: number) => string
}

async function makeDevice(name: string): Promise<Device> {
  const { VirtualMFADevice } = await iam.send(
    new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: name }),
  )
  const seed = fromBase32(Buffer.from(VirtualMFADevice?.Base32StringSeed ?? []).toString())
  assert.deepEqual([...(VirtualMFADevice?.QRCodePNG ?? [])].slice(1, 4), [...Buffer.from('PNG')])
  // Held, so that two codes are two steps whatever time passes between them.
  const step = totpStep(Date.now())
  return {
    SerialNumber: VirtualMFADevice?.SerialNumber ?? '',
    code: (ahead) => totpCode(seed, step + ahead),
  }
}

async function enableDevice(UserName: string): Promise<Device> {
  const device = await makeDevice(UserName)
  const { SerialNumber, code } = device
  const codes = { AuthenticationCode1: code(-1), AuthenticationCode2: code(0) }
  await iam.send(new EnableMFADeviceCommand({ UserName, SerialNumber, ...codes }))
  return device
}

function keyOf(credentials: SdkCredentials | undefined): Credentials {
  return {
    accessKeyId: credentials?.AccessKeyId ?? '',
    secretAccessKey: credentials?.SecretAccessKey ?? '',
    sessionToken: credentials?.SessionToken,
  }
}

test('a login profile is made, shown, changed by the administrator and by its user, and deleted', async () => {
  const user = await makeUser(world, 'anna', [allow('iam:ChangePassword')])
  const UserName = 'anna'
  const made = await iam.send(
    new CreateLoginProfileCommand({ UserName, Password: FIRST, PasswordResetRequired: true }),
  )
  assert.equal(made.LoginProfile?.PasswordResetRequired, true)
  await iam.send(new UpdateLoginProfileCommand({ UserName, PasswordResetRequired: false }))
  const { LoginProfile } = await iam.send(new GetLoginProfileCommand({ UserName }))
  assert.equal(LoginProfile?.PasswordResetRequired, false)
  const own = server.clientsOf(user.key).iam
  await own.send(new ChangePasswordCommand({ OldPassword: FIRST, NewPassword: SECOND }))
  await assert.rejects(
    own.send(new ChangePasswordCommand({ OldPassword: FIRST, NewPassword: SECOND })),
    sdkError('AccessDenied', 403, 'old password'),
  )
  await assert.rejects(
    iam.send(new DeleteUserCommand({ UserName })),
    sdkError('DeleteConflictException', 409),
  )
  await iam.send(new DeleteLoginProfileCommand({ UserName }))
  await assert.rejects(
    iam.send(new GetLoginProfileCommand({ UserName })),
    sdkError('NoSuchEntityException', 404, 'Login Profile for User anna cannot be found.'),
  )
})

test('the account’s password policy is set, enforced, shown and deleted', async () => {
  await iam.send(
    new UpdateAccountPasswordPolicyCommand({
      MinimumPasswordLength: 20,
      MaxPasswordAge: 90,
      PasswordReusePrevention: 3,
      HardExpiry: true,
    }),
  )
  const { PasswordPolicy } = await iam.send(new GetAccountPasswordPolicyCommand({}))
  assert.deepEqual(PasswordPolicy, {
    MinimumPasswordLength: 20,
    RequireSymbols: false,
    RequireNumbers: false,
    RequireUppercaseCharacters: false,
    RequireLowercaseCharacters: false,
    AllowUsersToChangePassword: false,
    ExpirePasswords: true,
    MaxPasswordAge: 90,
    PasswordReusePrevention: 3,
    HardExpiry: true,
  })
  await iam.send(new CreateUserCommand({ UserName: 'policy' }))
  await assert.rejects(
    iam.send(new CreateLoginProfileCommand({ UserName: 'policy', Password: FIRST })),
    sdkError('PasswordPolicyViolationException', 400, 'minimum length of 20'),
  )
  await iam.send(new DeleteAccountPasswordPolicyCommand({}))
  await assert.rejects(
    iam.send(new GetAccountPasswordPolicyCommand({})),
    sdkError('NoSuchEntityException', 404),
  )
})

test('the account’s alias is set, listed and deleted', async () => {
  const list = async (): Promise<readonly string[] | undefined> =>
    (await iam.send(new ListAccountAliasesCommand({}))).AccountAliases
  await iam.send(new CreateAccountAliasCommand({ AccountAlias: 'acme-backups' }))
  assert.deepEqual(await list(), ['acme-backups'])
  for (const AccountAlias of ['-a-', 'Upper', 'a--b', 'ab'])
    await assert.rejects(
      iam.send(new CreateAccountAliasCommand({ AccountAlias })),
      sdkError('ValidationError', 400),
    )
  await iam.send(new DeleteAccountAliasCommand({ AccountAlias: 'acme-backups' }))
  assert.deepEqual(await list(), [])
})

test('an MFA device is enabled, resynchronised, tagged, listed, deactivated and deleted', async () => {
  const UserName = 'device'
  await iam.send(new CreateUserCommand({ UserName }))
  const { SerialNumber, code } = await enableDevice(UserName)
  const codes = { AuthenticationCode1: code(5), AuthenticationCode2: code(6) }
  await iam.send(new ResyncMFADeviceCommand({ UserName, SerialNumber, ...codes }))
  await assert.rejects(
    iam.send(new ResyncMFADeviceCommand({ UserName, SerialNumber, ...codes })),
    sdkError('InvalidAuthenticationCodeException', 403),
  )
  assert.equal((await iam.send(new GetMFADeviceCommand({ SerialNumber }))).UserName, UserName)
  const { MFADevices = [] } = await iam.send(new ListMFADevicesCommand({ UserName }))
  assert.deepEqual(
    MFADevices.map((device) => device.SerialNumber),
    [SerialNumber],
  )
  const assigned = await iam.send(new ListVirtualMFADevicesCommand({ AssignmentStatus: 'Assigned' }))
  assert.ok(assigned.VirtualMFADevices?.some((device) => device.User?.UserName === UserName))
  await iam.send(new TagMFADeviceCommand({ SerialNumber, Tags: [{ Key: 'team', Value: 'db' }] }))
  const { Tags } = await iam.send(new ListMFADeviceTagsCommand({ SerialNumber }))
  assert.deepEqual(Tags, [{ Key: 'team', Value: 'db' }])
  await iam.send(new UntagMFADeviceCommand({ SerialNumber, TagKeys: ['team'] }))
  await iam.send(new DeactivateMFADeviceCommand({ UserName, SerialNumber }))
  await iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber }))
  await assert.rejects(
    iam.send(new GetMFADeviceCommand({ SerialNumber })),
    sdkError('NoSuchEntityException', 404),
  )
})

/** What AWS's documentation gives people to attach: nothing without a second factor. */
const MFA_ONLY = {
  Effect: 'Deny',
  NotAction: ['iam:ListMFADevices', 'sts:GetSessionToken'],
  Resource: '*',
  Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } },
}

test('GetSessionToken with a code gives a session that has the MFA keys and may call IAM', async () => {
  const fresh = {
    ...allow('iam:ListAccountAliases'),
    Condition: { NumericLessThan: { 'aws:MultiFactorAuthAge': '60' } },
  }
  const user = await makeUser(world, 'mfa-user', [allow('iam:ListUsers'), fresh, MFA_ONLY])
  const { SerialNumber, code } = await enableDevice('mfa-user')
  const own = server.clientsOf(user.key)
  await assert.rejects(
    own.sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode: code(0) })),
    sdkError('AccessDenied', 403, 'MultiFactorAuthentication failed with invalid MFA one time pass code.'),
  )
  for (const input of [{ SerialNumber }, { TokenCode: '123456' }])
    await assert.rejects(
      own.sts.send(new GetSessionTokenCommand(input)),
      sdkError('AccessDenied', 403, 'must provide both MFA serial number and one time pass code'),
    )
  await assert.rejects(
    own.sts.send(new GetSessionTokenCommand({ SerialNumber: `${SerialNumber}x`, TokenCode: code(1) })),
    sdkError('AccessDenied', 403, 'Please verify your MFA serial number is valid'),
  )
  // The key is absent from a long-term key's requests, which BoolIfExists takes for a match, and Bool does not.
  await assert.rejects(own.iam.send(new ListUsersCommand({})), sdkError('AccessDenied', 403, 'explicit deny'))
  const plain = await own.sts.send(new GetSessionTokenCommand({}))
  await assert.rejects(
    server.clientsOf(keyOf(plain.Credentials)).iam.send(new ListUsersCommand({})),
    sdkError('InvalidClientTokenId', 403),
  )
  const TokenCode = code(1)
  const { Credentials: given } = await own.sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode }))
  const session = server.clientsOf(keyOf(given)).iam
  assert.ok((await session.send(new ListUsersCommand({}))).Users)
  assert.ok((await session.send(new ListAccountAliasesCommand({}))).AccountAliases, 'the age is in seconds')
  await assert.rejects(
    own.sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode })),
    sdkError('AccessDenied', 403, 'invalid MFA one time pass code'),
    'a code opens one session',
  )
})

test('a wrong code, a wrong old password and a second root key are refused with an id that explains them', async () => {
  const UserName = 'mistaken'
  const user = await makeUser(world, UserName, [allow('iam:ChangePassword')])
  await iam.send(new CreateLoginProfileCommand({ UserName, Password: FIRST }))
  const { SerialNumber, code } = await enableDevice(UserName)
  const own = server.clientsOf(user.key)
  const wrong = { OldPassword: SECOND, NewPassword: FIRST }
  const refused: readonly (readonly [
    work: () => Promise<unknown>,
    action: string,
    layer: string,
    remedy: string,
  ])[] = [
    [
      () => own.sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode: code(0) })),
      'sts:GetSessionToken',
      'session',
      'its present and unused code',
    ],
    [
      () => own.iam.send(new ChangePasswordCommand(wrong)),
      'iam:ChangePassword',
      'identity',
      'give the present password',
    ],
    [() => iam.send(new CreateAccessKeyCommand({})), 'iam:CreateAccessKey', 'root', 'roleback root-key'],
  ]
  for (const [work, action, layer, remedy] of refused) {
    let id = ''
    await assert.rejects(work(), (error: Error) => {
      id = EXPLAINED.exec(error.message)?.[1] ?? assert.fail(error.message)
      return sdkError('AccessDenied', 403)(error)
    })
    const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })
    assert.deepEqual([Authorization.Action, Authorization.Layer], [action, layer])
    assert.match(
      Authorization.Proposals.map(({ Change, Where }) => `${Change} ${Where}`).join(),
      new RegExp(`^ask .*${remedy}`),
    )
    assert.doesNotMatch(JSON.stringify(Authorization), new RegExp(`${FIRST}|${SECOND}|${code(0)}`))
  }
})

test('a role whose trust policy asks for MFA is assumed with a code, and by nobody without', async () => {
  const user = await makeUser(world, 'switcher', [allow('sts:AssumeRole')])
  const other = await makeUser(world, 'other', [allow('sts:AssumeRole')])
  const RoleArn = await makeRole(world, 'guarded', {
    statements: [allow('iam:ListUsers')],
    trust: {
      Effect: 'Allow',
      Principal: { AWS: [user.arn, other.arn] },
      Action: 'sts:AssumeRole',
      Condition: {
        Bool: { 'aws:MultiFactorAuthPresent': 'true' },
        NumericLessThan: { 'aws:MultiFactorAuthAge': '3600' },
      },
    },
  })
  const { SerialNumber, code } = await enableDevice('switcher')
  const input = { RoleArn, RoleSessionName: 'session' }
  const sts = server.clientsOf(user.key).sts
  await assert.rejects(
    sts.send(new AssumeRoleCommand(input)),
    sdkError('AccessDenied', 403, 'sts:AssumeRole'),
  )
  const TokenCode = code(1)
  await assert.rejects(
    server.clientsOf(other.key).sts.send(new AssumeRoleCommand({ ...input, SerialNumber, TokenCode })),
    sdkError('AccessDenied', 403, 'Please verify your MFA serial number'),
    'another user’s device',
  )
  const { Credentials: given } = await sts.send(new AssumeRoleCommand({ ...input, SerialNumber, TokenCode }))
  assert.ok((await server.clientsOf(keyOf(given)).iam.send(new ListUsersCommand({}))).Users)
  await assert.rejects(
    sts.send(new AssumeRoleCommand({ ...input, SerialNumber, TokenCode })),
    sdkError('AccessDenied', 403, 'invalid MFA one time pass code'),
  )
})

test('the credential report has AWS’s columns and a row for root and each user', async () => {
  await assert.rejects(
    iam.send(new GetCredentialReportCommand({})),
    sdkError('CredentialReportNotPresentException', 410),
  )
  const UserName = 'report,er'
  await makeUser(world, UserName)
  await iam.send(new CreateLoginProfileCommand({ UserName, Password: FIRST }))
  assert.equal((await iam.send(new GenerateCredentialReportCommand({}))).State, 'COMPLETE')
  const { Content, ReportFormat, GeneratedTime } = await iam.send(new GetCredentialReportCommand({}))
  assert.equal(ReportFormat, 'text/csv')
  assert.ok(Math.abs((GeneratedTime?.getTime() ?? 0) - Date.now()) < 60_000)
  const [columns = '', root = '', ...users] = Buffer.from(Content ?? [])
    .toString()
    .split('\n')
  assert.equal(columns.split(',').length, 22)
  const { accountId } = world
  const date = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00`
  assert.match(
    root,
    new RegExp(
      `^<root_account>,arn:aws:iam::${accountId}:root,${date},not_supported,no_information,not_supported,not_supported,false,` +
        `true,${date},${date},us-east-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A$`,
    ),
  )
  const row = users.find((line) => line.startsWith(`"${UserName}"`)) ?? ''
  assert.match(
    row,
    new RegExp(
      `^"report,er","arn:aws:iam::${accountId}:user/report,er",${date},true,no_information,${date},N/A,false,` +
        `true,${date},N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A$`,
    ),
  )
  const withDevice = users.find((line) => line.startsWith('mfa-user,')) ?? ''
  assert.equal(withDevice.split(',')[7], 'true')
  const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}))
  const listed = await iam.send(new ListVirtualMFADevicesCommand({}))
  assert.equal(SummaryMap?.['MFADevices'], listed.VirtualMFADevices?.length)
  assert.equal(users.length, SummaryMap?.['Users'])
})

test('lists of what nobody can have here are empty, not an error', async () => {
  assert.deepEqual((await iam.send(new ListSAMLProvidersCommand({}))).SAMLProviderList, [])
  const certificates = await iam.send(new ListServerCertificatesCommand({}))
  assert.deepEqual([certificates.ServerCertificateMetadataList, certificates.IsTruncated], [[], false])
  assert.deepEqual((await iam.send(new ListOrganizationsFeaturesCommand({}))).EnabledFeatures, [])
  assert.deepEqual((await iam.send(new ListDelegationRequestsCommand({}))).DelegationRequests, [])
})
