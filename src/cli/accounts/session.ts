import { rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { SessionCredentials, SignInSession } from '../../aws/generated/roleback.ts'
import { profileText } from '../aws-profile.ts'
import { clientFrom, unsignedClientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'
import { readSecret } from '../secret-input.ts'

interface StartOptions {
  readonly account: string
  readonly user: string
  readonly passwordFile?: string
  readonly mfa?: boolean
  readonly mfaCodeFile?: string
  readonly newPasswordFile?: string
  readonly out?: string
  readonly json?: boolean
}

export function addSession(program: Command): void {
  const session = program
    .command('session')
    .description('sign in with a password, see who is signed in, end sessions')
  session
    .command('start')
    .description('sign in: account, user, password and MFA code against credentials of an hour')
    .requiredOption('--account <id or alias>', 'account to sign in to')
    .requiredOption('--user <name>', 'who signs in')
    .option('--password-file <file>', 'file with the password, - for standard input; asked for where absent')
    .option('--mfa', 'ask for a code of the MFA device')
    .option('--mfa-code-file <file>', 'file with the code, - for standard input')
    .option('--new-password-file <file>', 'file with another password, where the present one must be changed')
    .option('--out <file>', 'new file of mode 0600 for the credentials, as AWS clients read it')
    .option('--json', "print them as JSON, as credential_process of AWS's clients reads it")
    .action(startSession)
  session.command('end').description('sign out: end the session whose credentials are set').action(endSession)
  session
    .command('list')
    .description('who is signed in')
    .option('--user <name>', 'this user only')
    .option('--json', 'print the result as JSON')
    .action(listSessions)
  session
    .command('revoke <arn>')
    .description(
      'end every session that a user or role has by now, those of AssumeRole and GetSessionToken too',
    )
    .action(revokeSessions)
}

async function startSession(options: StartOptions): Promise<void> {
  const { out } = options
  const files = [options.passwordFile, options.mfaCodeFile, options.newPasswordFile]
  if (files.filter((file) => file === '-').length > 1)
    throw new CommandUsageError('Standard input holds one secret only: give - once, and files for the others')
  const { call, region } = unsignedClientFrom(process.env)
  const Password = await readSecret(options.passwordFile, 'password', '--password-file')
  const hasCode = options.mfa === true || options.mfaCodeFile !== undefined
  const PasswordCredentials = {
    Account: options.account,
    UserName: options.user,
    Password,
    MfaCode: hasCode ? await readSecret(options.mfaCodeFile, 'MFA code', '--mfa-code-file') : undefined,
    NewPassword:
      options.newPasswordFile === undefined
        ? undefined
        : await readSecret(options.newPasswordFile, 'new password', '--new-password-file'),
  }
  // Made before the session is: one that could not be written down is of no use to anybody.
  if (out !== undefined) writeFileSync(out, '', { flag: 'wx', mode: 0o600 })
  const answer = await call('roleback', 'SignIn', { PasswordCredentials }).catch((error: unknown) => {
    if (out !== undefined) rmSync(out)
    throw error
  })
  const { Credentials, PrincipalArn } = answer
  if (out !== undefined) writeFileSync(out, profileOf(Credentials, region), { flush: true })
  else if (options.json === true) sayJson({ Version: 1, ...Credentials })
  else say(profileOf(Credentials, region).trimEnd())
  const end = Credentials.Expiration.toISOString()
  note(`signed in as ${PrincipalArn} until ${end}${out === undefined ? '' : `; written to ${out}`}`)
  const passwordEnd = answer.PasswordExpirationDate
  if (passwordEnd !== undefined) note(`the password must be changed by ${passwordEnd.toISOString()}`)
}

function profileOf(made: SessionCredentials, region: string): string {
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = made
  return profileText('default', { accessKeyId, secretAccessKey, sessionToken }, region)
}

async function endSession(): Promise<void> {
  await clientFrom(process.env).call('roleback', 'SignOut', {})
  note('signed out')
}

async function revokeSessions(arn: string): Promise<void> {
  const { call } = clientFrom(process.env)
  const { RevokedBefore } = await call('roleback', 'RevokeSessions', { PrincipalArn: arn })
  note(`every session of ${arn} from before ${RevokedBefore.toISOString()} is ended`)
}

async function listSessions(options: { readonly user?: string; readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const sessions: SignInSession[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListSessions', { UserName: options.user, NextToken })
    sessions.push(...page.Sessions)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) sayJson(sessions)
  else if (sessions.length === 0) say('Nobody is signed in.')
  else say(sessionTable(sessions))
}

function sessionTable(sessions: readonly SignInSession[]): string {
  return tableOf(
    ['USER', 'SINCE', 'ENDS', 'FROM', 'MFA', 'KEY'],
    sessions.map((session) => [
      session.UserName ?? session.PrincipalArn,
      session.SignedInDate.toISOString(),
      session.ExpirationDate.toISOString(),
      session.SourceIp ?? '-',
      session.MfaAuthenticated ? 'yes' : 'no',
      session.AccessKeyId,
    ]),
  )
}
