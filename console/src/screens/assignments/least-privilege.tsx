import { CreateRoleCommand, DeleteRoleCommand, PutRolePolicyCommand } from '@aws-sdk/client-iam'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../../api/iam.ts'
import type { SelectionToPreview } from '../../api/generated.ts'
import { queries } from '../../api/queries.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand, awsCommand } from '../../parts/aws-command.tsx'
import { count } from '../../parts/format.ts'
import { NameField, isName } from '../../parts/name-field.tsx'
import { notify } from '../../parts/notices.tsx'
import { PolicyText } from '../../parts/preflight.tsx'
import { Problem } from '../../parts/problem.tsx'
import { useSubmit } from '../../parts/submit.ts'

const POLICY_NAME = 'least-privilege'
const DESCRIPTION = 'Backs up what one selection means, and nothing else'
const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' }],
})

/** The policy of a role that can do just what a selection's backups need, and the role that has it. */
export function LeastPrivilege({
  selection,
  vaults,
  onCreated,
}: {
  readonly selection: SelectionToPreview
  readonly vaults: readonly string[]
  /** Told the ARN of the role that was made. */
  readonly onCreated: (roleArn: string) => void
}): ReactNode {
  const [isOpen, setOpen] = useState(false)
  const [name, setName] = useState('')
  const { data, error } = useQuery({
    queryKey: ['least privilege', JSON.stringify(selection), vaults],
    queryFn: async () =>
      await roleback('GenerateRolePolicy', {
        BackupSelection: selection,
        BackupVaultNames: [...new Set(vaults)],
        Backup: true,
        Expire: true,
        ForPlan: true,
      }),
    enabled: isOpen && vaults.length > 0,
  })
  const creating = useSubmit(async () => {
    const arn = await createRole(name, data?.PolicyDocument ?? '')
    await queries.invalidateQueries({ queryKey: ['roles for backup'] })
    notify(`The role ${name} was created, and is chosen.`)
    setOpen(false)
    onCreated(arn)
  })
  return (
    <ExpandableSection
      headerText="Create a least-privilege role for this selection"
      expanded={isOpen}
      onChange={({ detail }) => setOpen(detail.expanded)}
    >
      {error !== null && <Problem error={error} what="generate a policy" />}
      {data !== undefined && (
        <SpaceBetween size="s">
          <span>
            {count(data.StatementCount, 'statement')} for {count(data.ResourceCount, 'resource')}, and nothing
            else. Resources that come later need a role of their own, or a wider one.
          </span>
          <PolicyText text={data.PolicyDocument} />
          {data.Notes.map((note) => (
            <Alert key={note} type="info">
              {note}
            </Alert>
          ))}
          {data.FitsInline && <AwsCommand command={commandOf(name || 'NAME', data.PolicyDocument)} />}
          {creating.error !== undefined && <Problem error={creating.error} what="create this role" />}
          {data.FitsInline ? (
            <NameField
              label="Name of the role"
              kind="identity"
              value={name}
              onChange={setName}
              control={
                <Button
                  formAction="none"
                  loading={creating.isBusy}
                  disabled={!isName('identity', name)}
                  onClick={creating.onSubmit}
                >
                  Create role
                </Button>
              }
            />
          ) : (
            <Alert type="warning">
              This is too long for a policy within a role: make managed policies of it, with roleback role
              policy.
            </Alert>
          )}
        </SpaceBetween>
      )}
    </ExpandableSection>
  )
}

function commandOf(RoleName: string, PolicyDocument: string): string {
  return [
    awsCommand('iam', 'create-role', { RoleName, AssumeRolePolicyDocument: TRUST, Description: DESCRIPTION }),
    awsCommand('iam', 'put-role-policy', { RoleName, PolicyName: POLICY_NAME, PolicyDocument }),
  ].join('\n')
}

/** Both or neither: a role that could do nothing is not left behind. */
async function createRole(RoleName: string, PolicyDocument: string): Promise<string> {
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: TRUST,
      Description: DESCRIPTION,
    }),
  )
  try {
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: POLICY_NAME, PolicyDocument }))
  } catch (error) {
    await iam.send(new DeleteRoleCommand({ RoleName }))
    throw error
  }
  return Role?.Arn ?? ''
}
