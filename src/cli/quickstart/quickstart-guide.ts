import { printable } from '../../lib/log.ts'
import type { AwsCli } from '../aws-cli.ts'
import { awsCliWarning } from '../aws-cli.ts'
import { shellWord } from '../output.ts'
import { ADMIN_PROFILE, DBA_PROFILE } from './quickstart-identities.ts'

/** What one run made, for the commands that do the same by hand. */
export interface GuideFacts {
  readonly endpoint: string
  readonly region: string
  readonly accountId: string
  readonly credentialsFile: string
  readonly rootCredentialsFile: string
  readonly kitFile: string
  readonly passphraseFile: string
  readonly vault: string
  readonly resourceArn: string
  readonly defaultRoleArn: string
  readonly recoveryPointArn: string
  readonly backupJobId: string
  readonly restoreJobId: string
}

/** The two commands of user dba: the first is answered, the second refused. */
function dbaCommands(facts: GuideFacts): readonly [allowed: string, refused: string] {
  return [
    awsCommand(facts, DBA_PROFILE, [
      'backup',
      'list-recovery-points-by-backup-vault',
      '--backup-vault-name',
      facts.vault,
    ]),
    awsCommand(facts, DBA_PROFILE, startBackup(facts)),
  ]
}

function startBackup(facts: GuideFacts): readonly string[] {
  return [
    'backup',
    'start-backup-job',
    '--backup-vault-name',
    facts.vault,
    '--resource-arn',
    facts.resourceArn,
    '--iam-role-arn',
    facts.defaultRoleArn,
  ]
}

/** One `aws` command line, broken where its options begin. */
export function awsCommand(facts: GuideFacts, profile: string, words: readonly string[]): string {
  const all = ['aws', '--endpoint-url', facts.endpoint, '--profile', profile, ...words]
  const lines: string[] = []
  let line = ''
  for (const [at, word] of all.entries()) {
    const isOption = word.startsWith('--') && at > all.length - words.length + 1
    if (isOption) {
      lines.push(line)
      line = `    ${word}`
    } else line = line === '' ? shellWord(word) : `${line} ${shellWord(word)}`
  }
  return [...lines, line].join(' \\\n')
}

/**
 * The last screen of the quickstart: everything needed to go on by hand.
 *
 * @param refusal What user dba was told.
 */
export function guideOf(facts: GuideFacts, cli: AwsCli, refusal: string): readonly string[] {
  const fileSystem = facts.resourceArn.split('/').at(-1) as string
  const warning = awsCliWarning(cli)
  const [allowed, refused] = dbaCommands(facts)
  return [
    'The same by hand',
    '',
    `export AWS_SHARED_CREDENTIALS_FILE=${shellWord(facts.credentialsFile)}`,
    awsCommand(facts, ADMIN_PROFILE, startBackup(facts)),
    awsCommand(facts, ADMIN_PROFILE, ['backup', 'describe-backup-job', '--backup-job-id', facts.backupJobId]),
    awsCommand(facts, ADMIN_PROFILE, [
      'backup',
      'start-restore-job',
      '--recovery-point-arn',
      facts.recoveryPointArn,
      '--iam-role-arn',
      facts.defaultRoleArn,
      '--metadata',
      `file-system-id=${fileSystem},newFileSystem=true`,
    ]),
    awsCommand(facts, ADMIN_PROFILE, [
      'backup',
      'describe-restore-job',
      '--restore-job-id',
      facts.restoreJobId,
    ]),
    ...(warning === undefined ? [] : ['', `warning: ${warning}`]),
    '',
    'What a passed role is worth',
    '',
    'User dba may start backups and restores. The first command is answered; the',
    'second is refused, because it passes the default role. The one role that he may',
    'pass is rds-backup, which can do nothing but databases.',
    '',
    allowed,
    refused,
    '',
    `  ${printable(refusal)}`,
    '',
    'Where things are',
    '',
    `API             ${facts.endpoint} (AWS Backup, IAM, STS, tagging; region ${facts.region}, account ${facts.accountId})`,
    `console         ${facts.endpoint}/console/ (sign in with a key from the files below, or make the users a password)`,
    `credentials     ${facts.credentialsFile} (profiles ${ADMIN_PROFILE} and ${DBA_PROFILE})`,
    `root's key      ${facts.rootCredentialsFile} (profile roleback; keep it for emergencies)`,
    `recovery kit    ${facts.kitFile}`,
    `its passphrase  ${facts.passphraseFile}`,
    '                Together they open every vault without this server: move them',
    '                away from this machine, to two different places.',
  ]
}
