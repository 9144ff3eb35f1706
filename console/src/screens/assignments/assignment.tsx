import { GetBackupPlanCommand, GetBackupSelectionCommand } from '@aws-sdk/client-backup'
import type { BackupSelection } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { conditionTexts, patternText } from './draft.ts'
import { DeleteAssignment } from './delete-assignment.tsx'
import { Matches } from './matches.tsx'
import { backup } from '../../api/backup.ts'
import type { SelectionToPreview } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Arn } from '../../parts/arn.tsx'
import { AwsCommand, awsCommand } from '../../parts/aws-command.tsx'
import { Facts } from '../../parts/facts.tsx'
import { nameOf, when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import { Problem } from '../../parts/problem.tsx'
import { ResourceLink } from '../../parts/resource-link.tsx'
import { Screen } from '../../parts/screen.tsx'
import { selectionTerraformOf } from '../../parts/terraform.ts'

/** One resource assignment: what it says, what that means now, and the same as documents. */
export function Assignment(): ReactNode {
  const { id = '', selection: selectionId = '' } = useParams()
  const navigate = useNavigate()
  const [isDeleting, setDeleting] = useState(false)
  const plan = useQuery({
    queryKey: ['assigned plan', id],
    queryFn: async () => await backup.send(new GetBackupPlanCommand({ BackupPlanId: id })),
  })
  const { data, error, isPending } = useQuery({
    queryKey: ['assignment', id, selectionId],
    queryFn: async () =>
      await backup.send(new GetBackupSelectionCommand({ BackupPlanId: id, SelectionId: selectionId })),
  })
  const planPath = `/plans/${encodeURIComponent(id)}`
  const selection = data?.BackupSelection
  const name = selection?.SelectionName ?? selectionId
  return (
    <Screen
      title={name}
      description="What this backup plan backs up, and under which role."
      above={[
        ['Backup plans', '/plans'],
        [plan.data?.BackupPlan?.BackupPlanName ?? id, planPath],
      ]}
      isLoading={isPending}
      actions={selection !== undefined && <Button onClick={() => setDeleting(true)}>Delete</Button>}
    >
      {error !== null && <Problem error={error} what="look at this resource assignment" />}
      {selection !== undefined && (
        <>
          <Container header={<Header variant="h2">Resource assignment</Header>}>
            <Facts
              of={[
                ['Role', <RoleLink key="role" arn={selection.IamRoleArn ?? ''} />],
                ['Created', when(data?.CreationDate)],
                [
                  'Created by',
                  <CreatedBy key="by" planArn={plan.data?.BackupPlanArn} at={data?.CreationDate} />,
                ],
                ['ID', selectionId],
              ]}
            />
          </Container>
          <Says selection={selection} />
          <Matches selection={previewOf(selection)} />
          <Container header={<Header variant="h2">Show as</Header>}>
            <Box variant="h3">Terraform</Box>
            <Box variant="code">
              <pre className="command">{selectionTerraformOf(id, selection)}</pre>
            </Box>
            <AwsCommand
              command={awsCommand('backup', 'create-backup-selection', {
                BackupPlanId: id,
                BackupSelection: selection,
              })}
            />
          </Container>
        </>
      )}
      {isDeleting && (
        <DeleteAssignment
          planId={id}
          selection={{ id: selectionId, name }}
          onClose={() => setDeleting(false)}
          onDeleted={async () => await navigate(planPath)}
        />
      )}
    </Screen>
  )
}

function RoleLink({ arn }: { readonly arn: string }): ReactNode {
  return (
    <Link to={identityPath('role', nameOf(arn))}>
      <Arn of={nameOf(arn)} />
    </Link>
  )
}

/** How far from an assignment's creation its decision may lie, in seconds: the same request makes both. */
const SAME_REQUEST_S = 2

/** AWS does not keep it, the audit trail does; not told where two people assigned resources to the plan at once. */
function CreatedBy({
  planArn,
  at,
}: {
  readonly planArn: string | undefined
  readonly at: Date | undefined
}): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['assigned by', planArn, at],
    queryFn: async () => {
      const seconds = (at?.getTime() ?? 0) / 1000
      const { Events } = await roleback('LookupAuditEvents', {
        Action: 'backup:CreateBackupSelection',
        Resource: planArn ?? '',
        Effect: 'Allow',
        StartTime: seconds - SAME_REQUEST_S,
        EndTime: seconds + SAME_REQUEST_S,
      })
      return [...new Set(Events.map(({ PrincipalArn }) => PrincipalArn))]
    },
    enabled: planArn !== undefined && at !== undefined,
  })
  const [by, ...others] = data ?? []
  if (error !== null) return 'the audit trail says it, which you may not read'
  return <span title={by}>{by === undefined || others.length > 0 ? '–' : nameOf(by)}</span>
}

/** What the selection says, in words. */
function Says({ selection }: { readonly selection: BackupSelection }): ReactNode {
  const { Resources = [], NotResources = [], ListOfTags = [] } = selection
  return (
    <Container header={<Header variant="h2">What it says</Header>}>
      <Facts
        of={[
          ['Resources', <Patterns key="in" of={Resources} none="None by ARN" />],
          [
            'Also by any of these tags',
            <Words
              key="tags"
              of={ListOfTags.map(({ ConditionKey, ConditionValue }) => `${ConditionKey} = ${ConditionValue}`)}
              none="None"
            />,
          ],
          ['Excluded', <Patterns key="out" of={NotResources} none="None" />],
          [
            'Only where all of these hold',
            <Words key="conditions" of={conditionTexts(selection.Conditions)} none="No conditions" />,
          ],
        ]}
      />
    </Container>
  )
}

function Patterns({ of, none }: { readonly of: readonly string[]; readonly none: string }): ReactNode {
  if (of.length === 0) return none
  return (
    <>
      {of.map((pattern) => (
        <div key={pattern} title={pattern} className="arn">
          {pattern.includes('*') ? patternText(pattern) : <ResourceLink arn={pattern} />}
        </div>
      ))}
    </>
  )
}

function Words({ of, none }: { readonly of: readonly string[]; readonly none: string }): ReactNode {
  if (of.length === 0) return none
  return (
    <>
      {of.map((text) => (
        <div key={text}>{text}</div>
      ))}
    </>
  )
}

function previewOf(selection: BackupSelection): SelectionToPreview {
  const { SelectionName: _, IamRoleArn: __, ...rest } = selection
  return rest as SelectionToPreview
}
