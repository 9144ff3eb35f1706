import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { useState } from 'react'
import type { ListPrincipalsWhoCanInput, PrincipalWhoCan } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { decidingText, nameOf } from './format.ts'
import { Arn } from './arn.tsx'
import { IdentityLink } from './identity-link.tsx'
import { List } from './list.tsx'
import { usePages } from './pages.ts'

interface WhoCanProps {
  readonly resourceArn: string
  readonly action: ListPrincipalsWhoCanInput['Action']
  /** Where it is not the screen's own subject that is asked about. */
  readonly title?: string
  readonly description?: string
  /** What nobody can as things are, in words. */
  readonly subject?: string
}

/** Everybody who could, with the statements that let him, and the roles over which he would come to it. */
export function WhoCan({
  resourceArn,
  action,
  title = `Who can ${action} this`,
  description,
  subject = 'Nobody as things are',
}: WhoCanProps): ReactNode {
  const [about, setAbout] = useState<{
    readonly notes: readonly string[]
    readonly barred: string | undefined
  }>()
  const pages = usePages(['who can', action, resourceArn], async (NextToken) => {
    const answer = await roleback('ListPrincipalsWhoCan', {
      ResourceArn: resourceArn,
      Action: action,
      ...(NextToken !== undefined && { NextToken }),
    })
    setAbout({ notes: answer.Notes, barred: answer.Barred })
    return { rows: answer.Principals, next: answer.NextToken }
  })
  return (
    <SpaceBetween size="m">
      {about?.barred !== undefined && (
        <Alert type="info">
          {subject}: {about.barred}
        </Alert>
      )}
      <List<PrincipalWhoCan>
        variant="container"
        title={title}
        description={description}
        what="ask who can"
        pages={pages}
        idOf={({ PrincipalArn }) => PrincipalArn}
        empty="Nobody can."
        columns={[
          {
            id: 'who',
            header: 'Who',
            isRowHeader: true,
            cell: ({ PrincipalArn }) => <IdentityLink arn={PrincipalArn} text={nameOf(PrincipalArn)} />,
          },
          { id: 'type', header: 'What', cell: ({ PrincipalType }) => PrincipalType },
          {
            id: 'verdict',
            header: 'Verdict',
            cell: ({ Verdict }) =>
              Verdict === 'allowed' ? (
                <StatusIndicator type="warning">Can</StatusIndicator>
              ) : (
                <StatusIndicator type="info">Under conditions</StatusIndicator>
              ),
          },
          { id: 'by', header: 'By', cell: (one) => <Arn of={statementsOf(one)} /> },
          { id: 'over', header: 'Over roles', cell: ({ Paths }) => <Arn of={paths(Paths)} /> },
        ]}
      />
      {(about?.notes.length ?? 0) > 0 && (
        <div>
          <Header variant="h3">Notes</Header>
          {about?.notes.map((note) => (
            <Box key={note} variant="p">
              {note}
            </Box>
          ))}
        </div>
      )}
    </SpaceBetween>
  )
}

/** The statements that let somebody, with what they ask for; root is let by none. */
export function statementsOf({ Rights, PrincipalType }: PrincipalWhoCan): string {
  const all = Rights.flatMap(({ Statements }) =>
    Statements.map((one) => [decidingText(one), ...one.Conditions].join(' if ')),
  )
  if (all.length === 0 && PrincipalType === 'root') return 'the account’s root user may everything'
  return [...new Set(all)].join('; ') || '–'
}

function paths(all: PrincipalWhoCan['Paths']): string {
  return all
    .map(({ From, Steps }) =>
      [From, ...Steps.map(({ RoleArn }) => RoleArn)].map((arn) => nameOf(arn)).join(' → '),
    )
    .join('; ')
}
