import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { Option } from 'commander'
import { printable } from '../../lib/log.ts'
import type { Finding } from '../../policy/lint.ts'
import { lintedAs } from '../../roleback/policy-lint.ts'
import type { PolicyType } from '../../roleback/policy-lint.ts'
import { note, say, sayJson } from '../output.ts'
import { FAILED, OK } from '../report.ts'

/** Names on the command line, as the things are called in documents and messages. */
const TYPES: Readonly<Record<string, PolicyType>> = {
  identity: 'IDENTITY',
  trust: 'TRUST',
  session: 'SESSION',
  vault: 'BACKUP_VAULT',
  resource: 'RESOURCE',
}

export function addPolicy(program: Command): void {
  const policy = program.command('policy').description('policies: what is wrong with one before it is stored')
  policy
    .command('lint <file>')
    .description(
      'names that nobody knows, statements that never apply, and other slips; "-" reads standard input',
    )
    .addOption(
      new Option('--type <type>', 'what the policy is for').choices(Object.keys(TYPES)).default('identity'),
    )
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      '\nNeeds no server. Ends with 1 where there is an error; warnings and suggestions do not count.',
    )
    .action((file: string, options: { type: string; json?: boolean }) => {
      const text = readFileSync(file === '-' ? 0 : file, 'utf8')
      const findings = lintedAs(text, TYPES[options.type] as PolicyType)
      if (options.json === true) sayJson(findings.map(toJson))
      else for (const finding of findings) say(lineOf(file === '-' ? 'standard input' : file, finding))
      const errors = findings.filter(({ severity }) => severity === 'ERROR').length
      if (findings.length === 0) note('nothing found')
      process.exitCode = errors === 0 ? OK : FAILED
    })
}

/** `FILE:LINE:COLUMN: error: MESSAGE [CODE at PATH]`, as compilers write it and editors read it. */
function lineOf(file: string, { Line, Column, severity, message, code, path }: Finding): string {
  const place = path === '' ? code : `${code} at ${path}`
  return printable(`${file}:${Line}:${Column}: ${severity.toLowerCase()}: ${message} [${place}]`)
}

function toJson({ Line, Column, severity, code, message, path }: Finding): object {
  return { Severity: severity, Code: code, Message: message, Line, Column, Path: path }
}
