import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addAccount } from './accounts/account.ts'
import { addDiscovery } from './resources/discovery.ts'
import { addDoctor } from './server/doctor.ts'
import { addExplain } from './access/explain.ts'
import { addFramework } from './plans/framework.ts'
import { addGuard } from './access/guard.ts'
import { addImport } from './jobs/import.ts'
import { addJob } from './jobs/job.ts'
import { addKey } from './accounts/key.ts'
import { addKit } from './vaults/kit.ts'
import { note } from './output.ts'
import { addNotify } from './notify.ts'
import { addPause, addPlan } from './plans/plan.ts'
import { addPolicy } from './access/policy.ts'
import { addQuickstart } from './quickstart/quickstart.ts'
import { addPreflight } from './access/preflight.ts'
import { OK, USAGE, describeError, exitCodeFor } from './report.ts'
import { addResource } from './resources/resource.ts'
import { addRestore } from './jobs/restore.ts'
import { addRole } from './access/role.ts'
import { addRootKey } from './server/root-key.ts'
import { addSearch } from './jobs/search.ts'
import { addServe } from './server/serve.ts'
import { addSession } from './accounts/session.ts'
import { addApply } from './apply/apply.ts'
import { addAudit } from './audit.ts'
import { addSignInProvider } from './accounts/sign-in-provider.ts'
import { addEncryptionKey } from './vaults/encryption-key.ts'
import { addStorage } from './vaults/storage.ts'
import { addVault } from './vaults/vault.ts'
import { addWhoCan } from './access/who-can.ts'

/**
 * Runs one command.
 *
 * @returns The exit code: 0 done, 1 failed, 2 called wrongly.
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  let running = 'roleback'
  const program = newProgram()
  program.hook('preAction', (_, command) => {
    running = nameOf(command)
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : OK
  } catch (error) {
    // commander has said already what was wrong with the arguments.
    if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE
    note(`${running}: ${describeError(error)}`)
    if (process.env['ROLEBACK_DEBUG'] === '1' && error instanceof Error) note(error.stack ?? '')
    return exitCodeFor(error)
  }
}

function newProgram(): Command {
  const { version, description } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string; description: string }
  const program = new Command('roleback')
    .description(description)
    .version(version)
    .exitOverride()
    .showHelpAfterError('(add --help for what this command takes)')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'roleback: ')) })
    .addHelpText(
      'after',
      "\nThe server is reached by the variables that AWS's clients use: AWS_ENDPOINT_URL (default\n" +
        'http://127.0.0.1:8420), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, AWS_REGION.\n' +
        "Backups, restores, roles and policies are the aws CLI's: aws --endpoint-url URL backup …",
    )
  for (const add of [
    addQuickstart,
    addServe,
    addResource,
    addDiscovery,
    addApply,
    addRole,
    addPreflight,
    addJob,
    addSearch,
    addNotify,
    addPlan,
    addPause,
    addRestore,
    addExplain,
    addWhoCan,
    addPolicy,
    addFramework,
    addGuard,
    addAccount,
    addKey,
    addKit,
    addSession,
    addSignInProvider,
    addAudit,
    addVault,
    addImport,
    addStorage,
    addEncryptionKey,
    addRootKey,
    addDoctor,
  ])
    add(program)
  return program
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}
