import type { Command } from 'commander'
import { printable } from '../../lib/log.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson } from '../output.ts'
import { documentLines } from './policy-lines.ts'
import { collect } from '../option-values.ts'

interface Options {
  readonly vault: readonly string[]
  readonly backup?: boolean
  readonly expire?: boolean
  readonly restore?: boolean
  readonly restoreTo?: readonly string[]
  readonly restoreToNew?: boolean
  readonly copyTags?: boolean
  readonly forPlan?: boolean
  readonly includeOptional?: boolean
  readonly split?: boolean
  readonly json?: boolean
}

export function addRolePolicy(role: Command): void {
  role
    .command('generate-policy <resources...>')
    .description('the smallest policy for these resources (ARNs, also with *), ready for put-role-policy')
    .requiredOption('--vault <name>', 'backup vault; may be given again', collect)
    .option('--backup', 'to back them up')
    .option('--expire', 'to let their recovery points expire')
    .option('--restore', 'to restore them, onto themselves unless told otherwise')
    .option('--restore-to <arn>', 'what restores may make or fill, also with *; may be given again', collect)
    .option('--restore-to-new', 'restores make new resources')
    .option('--copy-tags', 'restores copy tags')
    .option('--for-plan', 'a backup plan finds the resources under this role')
    .option('--include-optional', 'rights whose lack fails nothing, too')
    .option('--split', 'print the managed policies that it takes, one JSON document a line')
    .option('--json', 'print the whole answer as JSON')
    .action(async (ResourceArns: string[], options: Options) => {
      const { call } = clientFrom(process.env)
      const made = await call('roleback', 'GenerateRolePolicy', {
        ResourceArns,
        BackupVaultNames: options.vault,
        Backup: options.backup === true,
        Expire: options.expire === true,
        Restore: options.restore === true,
        RestoreTargetArns: options.restoreTo,
        RestoreToNew: options.restoreToNew === true,
        CopySourceTagsToRestoredResource: options.copyTags === true,
        ForPlan: options.forPlan === true,
        IncludeOptional: options.includeOptional === true,
      })
      if (options.json === true) return sayJson(made)
      // Behind the document, so that it can go straight into a file.
      for (const text of made.Notes) note(printable(text))
      if (options.split === true) for (const { PolicyDocument } of made.ManagedPolicies) say(PolicyDocument)
      else say(documentLines(made.PolicyDocument).join('\n'))
    })
}
