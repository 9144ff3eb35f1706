import { ListRestoreTestingSelectionsCommand } from '@aws-sdk/client-backup'
import type { RestoreTestingSelectionForList } from '@aws-sdk/client-backup'
import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { Validators, areReady, draftOf, validatorOf, validatorsCommand } from '../parts/validators.tsx'
import type { Draft } from '../parts/validators.tsx'

/** What the tests of a plan's selections must find, one selection at a time. */
export function EditValidators({
  plan,
  selection: first,
  onClose,
}: {
  readonly plan: string
  /** The one to begin with. */
  readonly selection?: string
  readonly onClose: () => void
}): ReactNode {
  const [chosen, setChosen] = useState(first)
  const [drafts, setDrafts] = useState<readonly Draft[]>()
  const selections = useQuery({
    queryKey: ['restore testing selections', plan],
    queryFn: async () =>
      (
        await backup.send(
          new ListRestoreTestingSelectionsCommand({ RestoreTestingPlanName: plan, MaxResults: 1000 }),
        )
      ).RestoreTestingSelections ?? [],
  })
  const selection: RestoreTestingSelectionForList | undefined =
    selections.data?.find(({ RestoreTestingSelectionName: name }) => name === chosen) ?? selections.data?.[0]
  const name = selection?.RestoreTestingSelectionName ?? ''
  const names = { RestoreTestingPlanName: plan, RestoreTestingSelectionName: name }
  const present = useQuery({
    queryKey: ['validators', plan, name],
    queryFn: async () => (await roleback('GetRestoreTestValidators', names)).Validators.map(draftOf),
    enabled: selection !== undefined,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const shown = drafts ?? present.data
  const options = (selections.data ?? []).map(({ RestoreTestingSelectionName: value = '' }) => ({
    value,
    label: value,
  }))
  return (
    <FormDialog
      title={`Validators of ${plan}`}
      what="set these validators"
      action="Save"
      isReady={shown !== undefined && areReady(shown)}
      command={shown === undefined ? undefined : validatorsCommand(plan, name, shown)}
      onClose={onClose}
      onSubmit={async () => {
        const { Warnings } = await roleback('PutRestoreTestValidators', {
          ...names,
          Validators: (shown ?? []).map(validatorOf),
        })
        // The last one said stands above the others.
        notify('The validators were saved. Tests that have begun keep theirs.')
        for (const warning of Warnings ?? []) notify(warning, 'warning')
      }}
    >
      {selections.error !== null && <Problem error={selections.error} what="list what this plan selects" />}
      {present.error !== null && <Problem error={present.error} what="see the validators" />}
      {selections.data?.length === 0 && <div>This plan selects nothing, and so tests nothing.</div>}
      {options.length > 1 && (
        <FormField label="Selection">
          <Select
            selectedOption={options.find(({ value }) => value === name) ?? null}
            options={options}
            onChange={({ detail }) => {
              setChosen(detail.selectedOption.value)
              setDrafts(undefined)
            }}
          />
        </FormField>
      )}
      {shown !== undefined && (
        <Validators type={selection?.ProtectedResourceType ?? ''} drafts={shown} onChange={setDrafts} />
      )}
    </FormDialog>
  )
}
