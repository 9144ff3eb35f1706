import { CreateFrameworkCommand, ListFrameworksCommand } from '@aws-sdk/client-backup'
import type { Framework } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import FormField from '@cloudscape-design/components/form-field'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { CONTROLS } from './framework-controls.ts'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { when } from '../parts/format.ts'
import { Link, frameworkPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

export function Frameworks(): ReactNode {
  useTitle('Frameworks')
  const [isCreating, setCreating] = useState(false)
  const pages = useLinkedPages(['frameworks'], async (NextToken) => {
    const answer = await backup.send(new ListFrameworksCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.Frameworks ?? [], next: answer.NextToken }
  })
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      Create framework
    </Button>
  )
  return (
    <>
      <List<Framework>
        title="Frameworks"
        description="House rules of backing up, held against what there is."
        what="list frameworks"
        pages={pages}
        idOf={({ FrameworkName = '' }) => FrameworkName}
        actions={create}
        empty={
          <NoneYet title="No frameworks" action={create}>
            A framework says what must be so, such as a recovery point a day, and names what is not.
          </NoneYet>
        }
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ FrameworkName: name = '' }) => <Link to={frameworkPath(name)}>{name}</Link>,
          },
          { id: 'about', header: 'About', cell: ({ FrameworkDescription }) => FrameworkDescription ?? '–' },
          { id: 'controls', header: 'Controls', cell: ({ NumberOfControls }) => NumberOfControls },
          { id: 'created', header: 'Created', cell: ({ CreationTime }) => when(CreationTime) },
        ]}
      />
      {isCreating && (
        <CreateFramework
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
    </>
  )
}

/** Those that hold for most people; the others ask for more, or for accounts and regions to name. */
const FIRST = new Set([
  'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN',
  'BACKUP_LAST_RECOVERY_POINT_CREATED',
  'BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK',
])

function CreateFramework({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState<ReadonlySet<string>>(FIRST)
  const input = {
    FrameworkName: name,
    FrameworkControls: [...chosen].map((ControlName) => ({ ControlName })),
  }
  return (
    <FormDialog
      title="Create framework"
      what="create this framework"
      action="Create framework"
      isReady={isName('framework', name) && chosen.size > 0}
      command={awsCommand('backup', 'create-framework', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CreateFrameworkCommand(input))
        notify(`Framework ${name} was created.`)
      }}
    >
      <NameField kind="framework" value={name} onChange={setName} />
      <FormField
        label="What must be so"
        description="Their limits are those of AWS; the aws CLI sets others."
      >
        <SpaceBetween size="xs">
          {Object.entries(CONTROLS).map(([control, label]) => (
            <Checkbox
              key={control}
              checked={chosen.has(control)}
              onChange={({ detail }) =>
                setChosen(
                  new Set(
                    detail.checked ? [...chosen, control] : [...chosen].filter((one) => one !== control),
                  ),
                )
              }
            >
              {label}
            </Checkbox>
          ))}
        </SpaceBetween>
      </FormField>
    </FormDialog>
  )
}
