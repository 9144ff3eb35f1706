import {
  CreatePolicyVersionCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  ListEntitiesForPolicyCommand,
  ListPolicyVersionsCommand,
} from '@aws-sdk/client-iam'
import type { Policy } from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { decoded } from './calls.ts'
import type { PolicyHolder } from './calls.ts'
import { TEMPLATE } from './permissions.tsx'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { Arn } from '../../parts/arn.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { nameOf, when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { PolicyEditor } from '../../parts/policy-editor.tsx'
import { PolicyText } from '../../parts/preflight.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'

/** IAM keeps no more versions of a policy. */
const MAX_VERSIONS = 5

export function ManagedPolicy(): ReactNode {
  const arn = useParams()['name'] ?? ''
  const navigate = useNavigate()
  const [isDeleting, setDeleting] = useState(false)
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['policy', arn],
    queryFn: async () => await read(arn),
  })
  const isOurs = arn.includes(':aws:policy/')
  return (
    <Screen
      title={nameOf(arn)}
      description={data?.policy.Description}
      above={[
        ['Access', '/access'],
        ['Policies', '/access?tab=policies'],
      ]}
      isLoading={isPending}
      actions={data !== undefined && !isOurs && <Button onClick={() => setDeleting(true)}>Delete</Button>}
    >
      {error !== null && <Problem error={error} what="look at this policy" />}
      {data !== undefined && (
        <>
          <Container header={<Header variant="h2">Policy</Header>}>
            <Facts
              of={[
                ['ARN', <Arn key="arn" of={arn} />],
                ['Version', data.policy.DefaultVersionId],
                ['Changed', when(data.policy.UpdateDate)],
                ['Attached to', data.policy.AttachmentCount?.toLocaleString()],
              ]}
            />
          </Container>
          {isOurs ? (
            <Container
              header={
                <Header variant="h2" description="It comes with the server and cannot be changed.">
                  Document
                </Header>
              }
            >
              <PolicyText text={data.document} />
            </Container>
          ) : (
            <PolicyEditor
              key={data.document}
              title="Document"
              description="Saving makes a new version, which counts from then on. The oldest of five goes."
              text={data.document}
              template={TEMPLATE}
              type="IDENTITY"
              command={(PolicyDocument) =>
                awsCommand('iam', 'create-policy-version', {
                  PolicyArn: arn,
                  PolicyDocument,
                  SetAsDefault: true,
                })
              }
              save={async (text) => {
                await saveVersion(arn, text)
                await refetch()
              }}
            />
          )}
          <Entities arn={arn} />
        </>
      )}
      {isDeleting && (
        <Confirm
          title={`Delete policy ${nameOf(arn)}`}
          what="delete this policy"
          word="delete"
          action="Delete policy"
          command={awsCommand('iam', 'delete-policy', { PolicyArn: arn })}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await removeVersions(arn)
            await iam.send(new DeletePolicyCommand({ PolicyArn: arn }))
            notify(`The policy ${nameOf(arn)} was deleted.`)
            await navigate('/access?tab=policies')
          }}
        >
          It must be attached to nobody. All its versions go.
        </Confirm>
      )}
    </Screen>
  )
}

async function read(PolicyArn: string): Promise<{ readonly policy: Policy; readonly document: string }> {
  const { Policy: policy = {} } = await iam.send(new GetPolicyCommand({ PolicyArn }))
  const { PolicyVersion } = await iam.send(
    new GetPolicyVersionCommand({ PolicyArn, VersionId: policy.DefaultVersionId }),
  )
  return { policy, document: decoded(PolicyVersion?.Document) }
}

async function saveVersion(PolicyArn: string, PolicyDocument: string): Promise<void> {
  const { Versions = [] } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }))
  const oldest = Versions.filter(({ IsDefaultVersion }) => IsDefaultVersion !== true).toSorted(
    (a, b) => (a.CreateDate?.getTime() ?? 0) - (b.CreateDate?.getTime() ?? 0),
  )[0]
  if (Versions.length >= MAX_VERSIONS && oldest !== undefined)
    await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: oldest.VersionId }))
  await iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }))
}

async function removeVersions(PolicyArn: string): Promise<void> {
  const { Versions = [] } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }))
  for (const { VersionId, IsDefaultVersion } of Versions) {
    if (IsDefaultVersion !== true) await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId }))
  }
}

interface Entity {
  readonly kind: PolicyHolder
  readonly name: string
}

function Entities({ arn }: { readonly arn: string }): ReactNode {
  const pages = usePages(['entities', arn], async (Marker) => {
    const answer = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn: arn, MaxItems: 50, Marker }))
    const rows: Entity[] = [
      ...(answer.PolicyUsers ?? []).map(({ UserName: name = '' }) => ({ kind: 'user' as const, name })),
      ...(answer.PolicyGroups ?? []).map(({ GroupName: name = '' }) => ({ kind: 'group' as const, name })),
      ...(answer.PolicyRoles ?? []).map(({ RoleName: name = '' }) => ({ kind: 'role' as const, name })),
    ]
    return { rows, next: answer.Marker }
  })
  return (
    <List<Entity>
      variant="container"
      title="Attached to"
      what="list whom it is attached to"
      pages={pages}
      idOf={({ kind, name }) => `${kind} ${name}`}
      empty="Nobody"
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: ({ kind, name }) => <Link to={identityPath(kind, name)}>{name}</Link>,
        },
        { id: 'kind', header: 'What', cell: ({ kind }) => kind },
      ]}
    />
  )
}
