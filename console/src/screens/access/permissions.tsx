import { ListPoliciesCommand } from '@aws-sdk/client-iam'
import type { AttachedPolicy } from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { HOLDERS } from './calls.ts'
import type { PolicyHolder } from './calls.ts'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Stack } from '../../parts/layout.tsx'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { NameField, isName } from '../../parts/name-field.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { PolicyEditor } from '../../parts/policy-editor.tsx'
import { Problem } from '../../parts/problem.tsx'

interface HolderProps {
  readonly kind: PolicyHolder
  readonly name: string
}

/** The policies of a user, group or role: attached ones, and its own. */
export function Permissions(props: HolderProps): ReactNode {
  return (
    <Stack>
      <Attached {...props} />
      <Inline {...props} />
    </Stack>
  )
}

function Attached({ kind, name }: HolderProps): ReactNode {
  const [isAttaching, setAttaching] = useState(false)
  const [doomed, setDoomed] = useState<AttachedPolicy>()
  const pages = usePages(['attached', kind, name], async () => ({
    rows: await HOLDERS[kind].attached(name),
    next: undefined,
  }))
  return (
    <>
      <List<AttachedPolicy>
        variant="container"
        title="Attached policies"
        what="list attached policies"
        pages={pages}
        idOf={({ PolicyArn = '' }) => PolicyArn}
        actions={<Button onClick={() => setAttaching(true)}>Attach policy</Button>}
        empty="None is attached."
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ PolicyName, PolicyArn = '' }) => (
              <Link to={identityPath('policy', PolicyArn)}>{PolicyName}</Link>
            ),
          },
          {
            id: 'whose',
            header: 'Kept by',
            cell: ({ PolicyArn = '' }) => (PolicyArn.includes(':aws:policy/') ? 'Roleback' : 'You'),
          },
          {
            id: 'do',
            header: 'Actions',
            cell: (policy) => (
              <Button
                variant="inline-link"
                ariaLabel={`Detach ${policy.PolicyName ?? ''}`}
                onClick={() => setDoomed(policy)}
              >
                Detach
              </Button>
            ),
          },
        ]}
      />
      {isAttaching && (
        <Attach
          kind={kind}
          name={name}
          onClose={() => {
            setAttaching(false)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Detach ${doomed.PolicyName ?? ''}`}
          what="detach this policy"
          word="detach"
          action="Detach"
          command={awsCommand('iam', `detach-${kind}-policy`, {
            [HOLDERS[kind].option]: name,
            PolicyArn: doomed.PolicyArn,
          })}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await HOLDERS[kind].detach(name, doomed.PolicyArn ?? '')
            notify(`${doomed.PolicyName ?? ''} was detached.`)
            pages.refresh()
          }}
        >
          What only this policy allows to {name} is refused from then on, to jobs that run, too.
        </Confirm>
      )}
    </>
  )
}

function Attach({ kind, name, onClose }: HolderProps & { readonly onClose: () => void }): ReactNode {
  const [arn, setArn] = useState<string>()
  const { data, error, isPending } = useQuery({ queryKey: ['all policies'], queryFn: allPolicies })
  return (
    <FormDialog
      title="Attach policy"
      what="attach this policy"
      action="Attach"
      isReady={arn !== undefined}
      command={awsCommand('iam', `attach-${kind}-policy`, { [HOLDERS[kind].option]: name, PolicyArn: arn })}
      onClose={onClose}
      onSubmit={async () => {
        await HOLDERS[kind].attach(name, arn ?? '')
        notify('The policy was attached.')
      }}
    >
      {error !== null && <Problem error={error} what="list policies" />}
      <FormField label="Policy">
        <Select
          selectedOption={data?.find(({ value }) => value === arn) ?? null}
          options={data ?? []}
          filteringType="auto"
          placeholder="Choose a policy"
          statusType={isPending ? 'loading' : 'finished'}
          loadingText="Loading policies"
          onChange={({ detail }) => setArn(detail.selectedOption.value)}
        />
      </FormField>
    </FormDialog>
  )
}

async function allPolicies(): Promise<{ value: string; label: string; description: string }[]> {
  const found: { value: string; label: string; description: string }[] = []
  let Marker: string | undefined
  do {
    const page = await iam.send(new ListPoliciesCommand({ Scope: 'All', MaxItems: 1000, Marker }))
    for (const { Arn = '', PolicyName = '', Description } of page.Policies ?? [])
      found.push({ value: Arn, label: PolicyName, description: Description ?? Arn })
    Marker = page.IsTruncated === true ? page.Marker : undefined
  } while (Marker !== undefined)
  return found
}

function Inline({ kind, name }: HolderProps): ReactNode {
  const [shown, setShown] = useState<string>()
  const [isNaming, setNaming] = useState(false)
  const pages = usePages(['inline', kind, name], async () => ({
    rows: await HOLDERS[kind].inline(name),
    next: undefined,
  }))
  return (
    <>
      <List<string>
        variant="container"
        title="Inline policies"
        description={`They belong to this ${kind} alone.`}
        what="list inline policies"
        pages={pages}
        idOf={(policy) => policy}
        actions={<Button onClick={() => setNaming(true)}>Add inline policy</Button>}
        empty="There is none."
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: (policy) => policy },
          {
            id: 'do',
            header: 'Actions',
            cell: (policy) => (
              <Button variant="inline-link" ariaLabel={`Edit ${policy}`} onClick={() => setShown(policy)}>
                Edit
              </Button>
            ),
          },
        ]}
      />
      {isNaming && <NamePolicy onNamed={setShown} onClose={() => setNaming(false)} />}
      {shown !== undefined && (
        <InlineEditor
          key={shown}
          kind={kind}
          name={name}
          policy={shown}
          isNew={!pages.rows.includes(shown)}
          onChange={pages.refresh}
          onRemoved={() => {
            setShown(undefined)
            pages.refresh()
          }}
        />
      )}
    </>
  )
}

function NamePolicy({
  onNamed,
  onClose,
}: {
  readonly onNamed: (name: string) => void
  readonly onClose: () => void
}): ReactNode {
  const [name, setName] = useState('')
  return (
    <FormDialog
      title="Add inline policy"
      what="name this policy"
      action="Write it"
      isReady={isName('policy', name)}
      onClose={onClose}
      onSubmit={async () => {
        onNamed(name)
        await Promise.resolve()
      }}
    >
      <NameField kind="policy" value={name} onChange={setName} />
    </FormDialog>
  )
}

interface InlineEditorProps extends HolderProps {
  readonly policy: string
  readonly isNew: boolean
  readonly onChange: () => void
  readonly onRemoved: () => void
}

function InlineEditor(props: InlineEditorProps): ReactNode {
  const { kind, name, policy, isNew, onChange, onRemoved } = props
  const { data, error, refetch } = useQuery({
    queryKey: ['inline policy', kind, name, policy],
    queryFn: async () => (isNew ? '' : await HOLDERS[kind].readInline(name, policy)),
  })
  if (error !== null) return <Problem error={error} what="read this policy" />
  if (data === undefined) return <Spinner />
  return (
    <PolicyEditor
      key={data}
      title={policy}
      description={`An inline policy of ${kind} ${name}.`}
      text={data}
      template={TEMPLATE}
      type="IDENTITY"
      command={(PolicyDocument) =>
        awsCommand('iam', `put-${kind}-policy`, {
          [HOLDERS[kind].option]: name,
          PolicyName: policy,
          PolicyDocument,
        })
      }
      save={async (text) => {
        await HOLDERS[kind].putInline(name, policy, text)
        onChange()
        await refetch()
      }}
      remove={async () => {
        await HOLDERS[kind].deleteInline(name, policy)
        onRemoved()
      }}
    />
  )
}

export const TEMPLATE: string = JSON.stringify(
  {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'LookAtBackups',
        Effect: 'Allow',
        Action: ['backup:Describe*', 'backup:Get*', 'backup:List*'],
        Resource: '*',
      },
    ],
  },
  undefined,
  2,
)
