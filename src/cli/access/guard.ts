import { Argument } from 'commander'
import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { say, sayJson } from '../output.ts'

type Mode = 'off' | 'warn' | 'enforce'

export function addGuard(program: Command): void {
  program
    .command('guard')
    .description('whether restores and exports hand out what their caller could not read at the source')
    .addArgument(
      new Argument('[mode]', 'change it; without one it is shown').choices(['off', 'warn', 'enforce']),
    )
    .option('--json', 'print the result as JSON')
    .action(async (mode: Mode | undefined, options: { readonly json?: boolean }) => {
      const { call } = clientFrom(process.env)
      if (mode === undefined) {
        const guard = await call('roleback', 'GetRestoreGuard', {})
        if (options.json === true) sayJson(guard)
        else say(`restore guard: ${guard.RestoreGuard} (${MEANING[guard.RestoreGuard]})`)
        return
      }
      const changed = await call('roleback', 'PutRestoreGuard', { RestoreGuard: mode })
      if (options.json === true) sayJson(changed)
      else say(`restore guard: ${mode} (${MEANING[mode]}), was ${changed.Before}`)
    })
}

const MEANING: Readonly<Record<Mode, string>> = {
  off: 'whoever may restore is handed everything',
  warn: 'what would be refused is let through, recorded and told',
  enforce: 'nobody is handed what he could not read at the source',
}
