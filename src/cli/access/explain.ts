import type { Command } from 'commander'
import type {
  AuthorizationDetails,
  Evaluation,
  NearMiss,
  ProposedChange,
} from '../../aws/generated/roleback.ts'
import { printable } from '../../lib/log.ts'
import { clientFrom } from '../connect.ts'
import { factsOf, say, sayJson } from '../output.ts'

export function addExplain(program: Command): void {
  program
    .command('explain <id>')
    .description('why something was refused, and what would allow it: the id is behind the refusal')
    .option('--json', 'print everything as JSON')
    .action(async (id: string, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const { Authorization } = await call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })
      if (options.json === true) sayJson(Authorization)
      else say(explanation(Authorization))
    })
}

/** A refusal in paragraphs for people: who and what, each layer, what came close, what to change. */
export function explanation(details: AuthorizationDetails): string {
  const facts = factsOf({
    who: details.PrincipalArn,
    what: details.Action,
    'on what': details.ResourceArn,
    when: details.At.toISOString(),
    times: details.Count === 1 ? undefined : `${details.Count}, last ${details.LastAt.toISOString()}`,
    refused: details.Reason,
    job: details.JobId,
    request: details.RequestId,
  })
  return [
    facts,
    paragraph(
      'Allowed before',
      details.Evaluations.filter(({ Effect }) => Effect === 'Allow').map(grantLine),
    ),
    paragraph('Layers', layerLines(details)),
    paragraph('Nearly applied', details.NearMisses.flatMap(nearLines)),
    paragraph('To allow it', details.Proposals.flatMap(proposalLines)),
    paragraph(
      'Notes',
      details.Notes.map((note) => `  ${printable(note)}`),
    ),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function paragraph(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${title}:\n${lines.join('\n')}`
}

function grantLine({ Action, ResourceArn, MatchedStatements }: Evaluation): string {
  const by = MatchedStatements.map(({ Policy, StatementId }) => `${Policy} ${StatementId}`).join(', ')
  return printable(`  ${Action} on ${ResourceArn}${by === '' ? '' : `: ${by}`}`)
}

function layerLines({ Layers }: AuthorizationDetails): readonly string[] {
  const width = Math.max(0, ...Layers.map(({ Layer }) => Layer.length))
  return Layers.map(({ Layer, Verdict, PolicyCount, Statements }) => {
    const counted = PolicyCount === 1 ? '1 policy' : `${PolicyCount} policies`
    const by = Statements.length === 0 ? '' : `: ${Statements.join(', ')}`
    return printable(`  ${Layer.padEnd(width)}  ${Verdict} (${counted})${by}`)
  })
}

function nearLines(near: NearMiss): readonly string[] {
  const missing = near.MissingKeys.length === 0 ? [] : [`    missing: ${near.MissingKeys.join(', ')}`]
  return [`  ${near.Effect} ${near.StatementId} of ${near.Policy}`, `    ${near.Detail}`, ...missing].map(
    printable,
  )
}

/** A statement is printed as JSON to be copied: its text has no control characters, JSON escapes them. */
function proposalLines({ Change, Where, Statement }: ProposedChange): readonly string[] {
  if (Change !== 'add' || Statement === undefined) return [`  ${printable(Where)}`]
  const json = JSON.stringify(JSON.parse(Statement), null, 2)
  return [`  add to ${printable(Where)}:`, ...json.split('\n').map((line) => `    ${printable(line)}`)]
}
