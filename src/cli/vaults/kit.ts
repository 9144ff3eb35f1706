import { renameSync, rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AwsError } from '../../aws/error.ts'
import { makeRecoveryKit, newPassphrase } from '../../keyring/recovery-kit.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson } from '../output.ts'

interface IssueOptions {
  readonly out: string
  readonly passphraseOut: string
  readonly json?: boolean
}

export function addKit(program: Command): void {
  program
    .command('kit')
    .description('the recovery kit, which opens every vault without the server')
    .command('issue')
    .description(
      'issue another one, which takes MFA: every vault gets a new key, and older kits open only what was written before',
    )
    .requiredOption('--out <file>', 'new file of mode 0600 for the kit')
    .requiredOption('--passphrase-out <file>', 'new file of mode 0600 for its passphrase')
    .option('--json', 'print the result as JSON')
    .action(issueKit)
}

/** The kit is made here: its private half and passphrase never come to the server. */
async function issueKit({ out, passphraseOut, json }: IssueOptions): Promise<void> {
  const { call } = clientFrom(process.env)
  const passphrase = newPassphrase()
  const kit = makeRecoveryKit(passphrase)
  // Written before the server knows of it: a kit that could not be written down would shut everybody out.
  const files = [
    [out, kit.kitText],
    [passphraseOut, `${passphrase}\n`],
  ] as const
  const made: string[] = []
  // From then on only a refusal says that the server did not take it: an answer may be lost.
  let isAsked = false
  try {
    for (const [file, text] of files) {
      writeFileSync(file, text, { flag: 'wx', mode: 0o600, flush: true })
      made.push(file)
    }
    isAsked = true
    const { PreviousKitId, JobIds, IdentitySigners } = await call('roleback', 'IssueRecoveryKit', {
      PublicKey: kit.publicKey,
    })
    // The same kit: what it opens does not hang on this.
    replaceFile(out, kit.withSigners(IdentitySigners))
    if (json === true) sayJson({ KitId: kit.kitId, PreviousKitId, JobIds })
    else {
      say(`recovery kit ${kit.kitId}: ${out}`)
      say(`its passphrase: ${passphraseOut}`)
      note(
        `${JobIds.length} vaults are given a new key by jobs of this server. Recovery kit ${PreviousKitId} opens what was written ` +
          'until its vault’s job has run, the new one everything once it has (roleback job show ID). Keep both until then. Move kit and passphrase off this machine, to two different places',
      )
    }
  } catch (error) {
    if (isAsked && !(error instanceof AwsError && error.status < 500)) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(
        `${why}. Whether the server took kit ${kit.kitId} is not known: keep ${out} and ${passphraseOut}, and issue another one`,
        { cause: error },
      )
    }
    for (const file of made) rmSync(file)
    throw error
  }
}

function replaceFile(file: string, text: string): void {
  const fresh = `${file}.new`
  writeFileSync(fresh, text, { flag: 'wx', mode: 0o600, flush: true })
  renameSync(fresh, file)
}
