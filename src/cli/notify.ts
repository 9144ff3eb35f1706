import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { EventTarget } from '../aws/generated/roleback.ts'
import { clientFrom } from './connect.ts'
import { note, say, sayJson, tableOf } from './output.ts'
import { CommandError } from './report.ts'
import { readSecret } from './secret-input.ts'

interface PutOptions {
  readonly type: string
  readonly urlFile?: string
  readonly signingSecretFile?: string
  readonly pattern?: string
  readonly topic?: string
  readonly plan?: string
  readonly from?: string
  readonly to?: readonly string[]
  /** False: none any more. */
  readonly user?: string | false
  readonly passwordFile?: string
  readonly caFile?: string | false
}

export function addNotify(program: Command): void {
  const notify = program
    .command('notify')
    .description('whom to tell of events: webhooks, chats and mailboxes')
  notify
    .command('put <name>')
    .description('tell this place of events, or change how')
    .requiredOption('--type <type>', 'webhook, slack, teams, discord, matrix, mail, sns or ping')
    .option(
      '--url-file <file>',
      'file with its address, - for standard input: who has it can write there; for mail smtps://HOST or smtp://HOST (STARTTLS)',
    )
    .option(
      '--signing-secret-file <file>',
      'file with the secret that webhooks are signed with; made where absent',
    )
    .option('--pattern <file>', 'file with an EventBridge pattern; every change of state where absent')
    .option(
      '--topic <arn>',
      'what vaults send to this topic (put-backup-vault-notifications); for sns the topic that this is an endpoint of',
    )
    .option(
      '--plan <id>',
      'for ping: the backup plan whose runs it hears begin, end and fail (healthchecks.io)',
    )
    .option('--from <address>', 'for mail: whom it is from')
    .option('--to <address...>', 'for mail: who gets it')
    .option('--user <name>', 'for mail: the user name at the mail server, with --password-file')
    .option('--no-user', 'for mail: no user name and password any more')
    .option('--password-file <file>', 'for mail: file with the password, - for standard input')
    .option(
      '--ca-file <file>',
      'for mail: the authority of the mail server, as PEM; those of the host where absent',
    )
    .option('--no-ca-file', 'for mail: the authorities of the host again')
    .action(put)
  notify
    .command('list')
    .description('all targets, how they took what they were told, and what they are owed')
    .option('--json', 'print them as JSON')
    .action(list)
  notify
    .command('vault <name>')
    .description('what a backup vault tells which topic, and who listens there')
    .action(ofVault)
  notify
    .command('test <name>')
    .description('send one event now, and say whether it was taken')
    .action(async (Name: string) => {
      const { call } = clientFrom(process.env)
      const { IsDelivered, Message } = await call('roleback', 'TestEventTarget', { Name })
      if (!IsDelivered) throw new CommandError(`${Name} did not take a test event: ${Message ?? 'no reason'}`)
      note(`${Name} took a test event`)
    })
  notify
    .command('retry <name>')
    .description('send again what was given up after a week, and try at once')
    .action(async (Name: string) => {
      const { call } = clientFrom(process.env)
      const { MessagesRetried } = await call('roleback', 'RetryEventDeliveries', { Name })
      note(`${Name} is tried now; ${MessagesRetried ?? 0} messages that were given up are sent again`)
    })
  notify
    .command('delete <name>')
    .description('tell this place nothing any more')
    .action(async (Name: string) => {
      const { call } = clientFrom(process.env)
      await call('roleback', 'DeleteEventTarget', { Name })
      note(`${Name} is told nothing any more`)
    })
}

async function put(Name: string, options: PutOptions): Promise<void> {
  const { call } = clientFrom(process.env)
  const { urlFile, signingSecretFile, pattern } = options
  const { SigningSecret } = await call('roleback', 'PutEventTarget', {
    Name,
    Type: options.type.toUpperCase(),
    Url: urlFile === undefined ? undefined : await readSecret(urlFile, 'address', '--url-file'),
    SigningSecret:
      signingSecretFile === undefined
        ? undefined
        : await readSecret(signingSecretFile, 'signing secret', '--signing-secret-file'),
    EventPattern: pattern === undefined ? undefined : readFileSync(pattern, 'utf8'),
    TopicArn: options.topic,
    BackupPlanId: options.plan,
    MailFrom: options.from,
    MailTo: options.to === undefined ? undefined : [...options.to],
    SmtpUserName: options.user === false ? '' : options.user,
    SmtpPassword:
      options.passwordFile === undefined
        ? undefined
        : await readSecret(options.passwordFile, 'password', '--password-file'),
    CertificateAuthority: authorityIn(options.caFile),
  })
  if (options.type.toUpperCase() === 'SNS')
    note(
      `${Name} is sent a SubscriptionConfirmation, unless it is confirmed already, and gets nothing else until it visits the SubscribeURL in it. See whether it has: roleback notify list`,
    )
  else note(`${Name} is told of events from now on. Try it: roleback notify test ${Name}`)
  if (SigningSecret !== undefined) {
    note('Its messages are signed (Standard Webhooks) with this secret, which is shown only now:')
    say(SigningSecret)
  }
}

function authorityIn(file: string | false | undefined): string | undefined {
  if (file === false) return ''
  return file === undefined ? undefined : readFileSync(file, 'utf8')
}

async function list(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { EventTargets } = await call('roleback', 'ListEventTargets', {})
  if (options.json === true) return sayJson(EventTargets)
  if (EventTargets.length === 0) return say('Nobody is told of events.')
  say(tableOf(HEADS, EventTargets.map(row)))
}

async function ofVault(BackupVaultName: string): Promise<void> {
  const { call } = clientFrom(process.env)
  const kept = await call('backup', 'GetBackupVaultNotifications', { BackupVaultName })
  const { EventTargets } = await call('roleback', 'ListEventTargets', {})
  const theirs = EventTargets.filter(({ TopicArn }) => TopicArn === kept.SNSTopicArn)
  say(`${kept.SNSTopicArn ?? ''} is told of ${(kept.BackupVaultEvents ?? []).join(', ')}`)
  if (theirs.length > 0) return say(tableOf(HEADS, theirs.map(row)))
  say(
    `Nobody listens to this topic: roleback notify put NAME --type sns --url-file FILE --topic ${kept.SNSTopicArn ?? ''}`,
  )
}

const HEADS = ['NAME', 'TYPE', 'HOST', 'TOOK THE LAST', 'OWED', 'GIVEN UP', 'LAST PROBLEM']

const row = (target: EventTarget): string[] => [
  target.Name,
  target.Type,
  target.Host ?? '',
  target.LastDeliveredAt?.toISOString() ?? 'none yet',
  String(target.MessagesOwed ?? 0),
  String(target.MessagesGivenUp ?? 0),
  problemOf(target),
]

function problemOf({ Failures = 0, LastError = '', RetryAt, IsConfirmed }: EventTarget): string {
  if (Failures > 0) return `${LastError}, again ${RetryAt?.toISOString() ?? ''}`
  return IsConfirmed === false ? 'not confirmed: it gets nothing' : ''
}
