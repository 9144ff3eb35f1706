import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { FrameworkFinding } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson, tableOf } from '../output.ts'

interface Options {
  readonly all?: boolean
  readonly json?: boolean
}

export function addFramework(program: Command): void {
  program
    .command('framework')
    .description('frameworks: what their controls find')
    .command('findings <name>')
    .description('what does not comply with each control, and why')
    .option('--all', 'also what complies, and what there is nothing to judge by')
    .option('--json', 'print every finding as JSON')
    .action(async (name: string, options: Options) => {
      const { call } = clientFrom(process.env)
      const found = await findingsOf(call, name)
      if (options.json === true) return sayJson(found)
      say(totals(found))
      const shown = options.all === true ? found : found.filter(({ Status }) => Status === 'NON_COMPLIANT')
      if (shown.length > 0) say(`\n${findingTable(shown)}`)
    })
}

async function findingsOf(call: Call, FrameworkName: string): Promise<readonly FrameworkFinding[]> {
  const found: FrameworkFinding[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListFrameworkFindings', {
      FrameworkName,
      NextToken,
      MaxResults: 1000,
    })
    found.push(...page.Findings)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return found
}

function totals(findings: readonly FrameworkFinding[]): string {
  if (findings.length === 0) return 'There is nothing that the controls look at.'
  const controls = [...new Set(findings.map(({ ControlName }) => ControlName))]
  const count = (control: string, status: FrameworkFinding['Status']): string =>
    String(findings.filter((one) => one.ControlName === control && one.Status === status).length)
  return tableOf(
    ['CONTROL', 'COMPLIANT', 'NOT COMPLIANT', 'NOT APPLICABLE'],
    controls.map((control) => [
      control,
      count(control, 'COMPLIANT'),
      count(control, 'NON_COMPLIANT'),
      count(control, 'NOT_APPLICABLE'),
    ]),
  )
}

function findingTable(findings: readonly FrameworkFinding[]): string {
  return tableOf(
    ['CONTROL', 'STATUS', 'WHAT', 'BECAUSE'],
    findings.map((one) => [one.ControlName, one.Status, one.ResourceArn, one.Reason]),
  )
}
