import '../../parts/parts.css'
import {
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateUserCommand,
} from '@aws-sdk/client-iam'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { BACKUP_TRUST } from './identity.tsx'
import { TEMPLATE } from './permissions.tsx'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { identityPath } from '../../parts/link.tsx'
import type { IdentityKind } from '../../parts/link.tsx'
import { NameField, isName } from '../../parts/name-field.tsx'
import { notify } from '../../parts/notices.tsx'

/** A new user, group, role or policy; its screen, where the rest is done, comes next. */
export function CreateIdentity({
  kind,
  onClose,
}: {
  readonly kind: IdentityKind
  readonly onClose: () => void
}): ReactNode {
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const [document, setDocument] = useState(kind === 'role' ? BACKUP_TRUST : TEMPLATE)
  const nameKind = kind === 'user' || kind === 'role' ? 'identity' : 'policy'
  const { input, create } = callOf(kind, name, description, document)
  return (
    <FormDialog
      title={`Create ${kind}`}
      what={`create this ${kind}`}
      action={`Create ${kind}`}
      isReady={isName(nameKind, name)}
      command={awsCommand('iam', `create-${kind}`, input)}
      onClose={onClose}
      onSubmit={async () => {
        const id = await create()
        notify(`The ${kind} ${name} was created.`)
        await navigate(identityPath(kind, id))
      }}
    >
      <NameField kind={nameKind} value={name} onChange={setName} />
      {(kind === 'role' || kind === 'policy') && (
        <>
          <FormField label="Description (optional)">
            <Input value={description} onChange={({ detail }) => setDescription(detail.value)} />
          </FormField>
          <FormField
            label={kind === 'role' ? 'Trust policy' : 'Policy document'}
            description={
              kind === 'role'
                ? 'Who may take it on. This one lets backups and restores do so.'
                : 'Its screen has the editor that checks it.'
            }
          >
            <div className="code">
              <Textarea value={document} rows={10} onChange={({ detail }) => setDocument(detail.value)} />
            </div>
          </FormField>
        </>
      )}
    </FormDialog>
  )
}

function callOf(
  kind: IdentityKind,
  name: string,
  description: string,
  document: string,
): {
  readonly input: Readonly<Record<string, string | undefined>>
  /** Resolves with what its screen is called by. */
  readonly create: () => Promise<string>
} {
  const Description = description === '' ? undefined : description
  switch (kind) {
    case 'user': {
      const input = { UserName: name }
      return { input, create: async () => (await iam.send(new CreateUserCommand(input)), name) }
    }
    case 'group': {
      const input = { GroupName: name }
      return { input, create: async () => (await iam.send(new CreateGroupCommand(input)), name) }
    }
    case 'role': {
      const input = { RoleName: name, AssumeRolePolicyDocument: document, Description }
      return { input, create: async () => (await iam.send(new CreateRoleCommand(input)), name) }
    }
    case 'policy': {
      const input = { PolicyName: name, PolicyDocument: document, Description }
      return {
        input,
        create: async () => (await iam.send(new CreatePolicyCommand(input))).Policy?.Arn ?? '',
      }
    }
  }
}
