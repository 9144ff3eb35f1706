import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Storage } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { rolebackCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { fromSeconds, when } from '../../parts/format.ts'
import { List } from '../../parts/list.tsx'
import { NameField, isName } from '../../parts/name-field.tsx'
import { NoneYet } from '../../parts/none-yet.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'

/** Buckets that vaults can lie in; without one they lie in the server's data directory. */
export function Storages(): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const pages = usePages(['storages'], async () => {
    const { Storages: rows } = await roleback('ListStorages', {})
    return { rows, next: undefined }
  })
  const add = <Button onClick={() => setAdding(true)}>Add storage</Button>
  return (
    <>
      <List<Storage>
        variant="container"
        title="Storage"
        description="Buckets that vaults lie in. Without one a vault lies in the server's own data directory."
        what="list storages"
        pages={pages}
        idOf={({ Name }) => Name}
        actions={add}
        empty={
          <NoneYet title="No storage" action={add}>
            Vaults lie in the server's data directory. Add a bucket, and new vaults can lie there.
          </NoneYet>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          { id: 'location', header: 'Where', cell: ({ Location }) => Location },
          { id: 'endpoint', header: 'Endpoint', cell: ({ Endpoint }) => Endpoint },
          { id: 'key', header: 'Access key', cell: ({ AccessKeyId }) => AccessKeyId },
          { id: 'vaults', header: 'Vaults', cell: ({ Vaults }) => Vaults.toLocaleString() },
          { id: 'created', header: 'Added', cell: ({ CreationDate }) => when(fromSeconds(CreationDate)) },
          {
            id: 'do',
            minWidth: 120,
            header: 'Actions',
            cell: ({ Name }) => (
              <Button variant="inline-link" ariaLabel={`Remove ${Name}`} onClick={() => setDoomed(Name)}>
                Remove
              </Button>
            ),
          },
        ]}
      />
      {isAdding && (
        <AddStorage
          onClose={() => {
            setAdding(false)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Remove storage ${doomed}`}
          what="remove this storage"
          word="remove"
          action="Remove storage"
          command={rolebackCommand(['storage', 'remove', doomed], {})}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await roleback('DeleteStorage', { Name: doomed })
            notify(`Storage ${doomed} was removed.`)
            pages.refresh()
          }}
        >
          Only one without vaults can be removed. The bucket itself stays as it is.
        </Confirm>
      )}
    </>
  )
}

const EMPTY = { name: '', location: '', endpoint: '', region: '', key: '', secret: '' }

function AddStorage({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [form, setForm] = useState(EMPTY)
  const [isForNew, setForNew] = useState(false)
  const text = (name: keyof typeof EMPTY, label: string, about: string, type?: 'password'): ReactNode => (
    <FormField label={label} description={about}>
      <Input
        value={form[name]}
        {...(type !== undefined && { type })}
        onChange={({ detail }) => setForm({ ...form, [name]: detail.value })}
      />
    </FormField>
  )
  const { name, location, endpoint, region, key, secret } = form
  return (
    <FormDialog
      title="Add storage"
      what="add this storage"
      action="Test and add"
      command={[
        rolebackCommand(['storage', 'put', name || 'NAME', location || 's3://BUCKET'], {
          endpoint,
          'access-key-id': key,
          'secret-file': 'FILE',
          region,
        }),
        ...(isForNew ? ['--new-vaults'] : []),
      ].join(' ')}
      isReady={isName('storage', name) && [location, endpoint, key, secret].every((value) => value !== '')}
      onClose={onClose}
      onSubmit={async () => {
        await roleback('PutStorage', {
          Name: name,
          Location: location,
          Endpoint: endpoint,
          ...(region !== '' && { Region: region }),
          AccessKeyId: key,
          Secret: secret,
          ...(isForNew && { NewVaults: {} }),
        })
        notify(`Storage ${name} was added.`)
      }}
    >
      <NameField
        kind="storage"
        value={name}
        hint="By which vaults name it."
        onChange={(given) => setForm({ ...form, name: given })}
      />
      {text('location', 'Bucket and prefix', 's3://bucket/prefix')}
      {text('endpoint', 'Endpoint', 'https://s3.example.com')}
      {text('region', 'Region (optional)', 'Of the bucket, where its service has regions.')}
      {text('key', 'Access key ID', 'It needs to read, write and list; deleting is for sweeps.')}
      {text('secret', 'Secret access key', 'Sealed under the server’s key.', 'password')}
      <Checkbox checked={isForNew} onChange={({ detail }) => setForNew(detail.checked)}>
        New vaults lie here
      </Checkbox>
    </FormDialog>
  )
}
