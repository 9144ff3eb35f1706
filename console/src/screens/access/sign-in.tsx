import {
  CreateLoginProfileCommand,
  CreateVirtualMFADeviceCommand,
  DeactivateMFADeviceCommand,
  DeleteLoginProfileCommand,
  DeleteVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  GetLoginProfileCommand,
  ListMFADevicesCommand,
  UpdateLoginProfileCommand,
} from '@aws-sdk/client-iam'
import type { LoginProfile, MFADevice, VirtualMFADevice } from '@aws-sdk/client-iam'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import Container from '@cloudscape-design/components/container'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../../api/iam.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { Facts } from '../../parts/facts.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { nameOf, when } from '../../parts/format.ts'
import { List } from '../../parts/list.tsx'
import { NewPasswordField } from '../../parts/new-password-field.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { Problem } from '../../parts/problem.tsx'

/** How a person signs in to the console as this user: the password, and the devices whose codes go with it. */
export function SignIn({ user }: { readonly user: string }): ReactNode {
  return (
    <SpaceBetween size="l">
      <Password user={user} />
      <Devices user={user} />
    </SpaceBetween>
  )
}

async function profileOf(UserName: string): Promise<LoginProfile | null> {
  try {
    return (await iam.send(new GetLoginProfileCommand({ UserName }))).LoginProfile ?? null
  } catch (error) {
    if ((error as Error).name === 'NoSuchEntityException') return null
    throw error
  }
}

function Password({ user }: { readonly user: string }): ReactNode {
  const [isSetting, setSetting] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const { data, error, refetch } = useQuery({
    queryKey: ['login profile', user],
    queryFn: async () => await profileOf(user),
  })
  const isSet = data !== null && data !== undefined
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="With it a person signs in to this console; programs use access keys."
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {isSet && <Button onClick={() => setRemoving(true)}>Remove password</Button>}
              <Button disabled={data === undefined} onClick={() => setSetting(true)}>
                {isSet ? 'Change password' : 'Set password'}
              </Button>
            </SpaceBetween>
          }
        >
          Password
        </Header>
      }
    >
      {error !== null && <Problem error={error} what="see whether there is a password" />}
      {data === null && <Box>This user has none, and cannot sign in by name.</Box>}
      {isSet && (
        <Facts
          of={[
            ['Set', when(data.CreateDate)],
            ['At the next sign-in', data.PasswordResetRequired === true ? 'Must be changed' : 'Stays'],
          ]}
        />
      )}
      {isSetting && (
        <SetPassword
          user={user}
          isSet={isSet}
          onClose={() => {
            setSetting(false)
            void refetch()
          }}
        />
      )}
      {isRemoving && (
        <Confirm
          title={`Remove the password of ${user}`}
          what="remove this password"
          word="remove"
          action="Remove password"
          command={awsCommand('iam', 'delete-login-profile', { UserName: user })}
          onClose={() => setRemoving(false)}
          onConfirm={async () => {
            await iam.send(new DeleteLoginProfileCommand({ UserName: user }))
            notify('The password was removed.')
            await refetch()
          }}
        >
          The user cannot sign in by name any more. Access keys go on working.
        </Confirm>
      )}
    </Container>
  )
}

function SetPassword({
  user,
  isSet,
  onClose,
}: {
  readonly user: string
  readonly isSet: boolean
  readonly onClose: () => void
}): ReactNode {
  const [password, setPassword] = useState('')
  const [isReset, setReset] = useState(true)
  return (
    <FormDialog
      title={`${isSet ? 'Change' : 'Set'} the password of ${user}`}
      what="set this password"
      action="Save password"
      isReady={password !== ''}
      command={awsCommand('iam', isSet ? 'update-login-profile' : 'create-login-profile', {
        UserName: user,
        // Never the password itself: others see command lines.
        Password: 'file://FILE',
        PasswordResetRequired: isReset,
      })}
      onClose={onClose}
      onSubmit={async () => {
        const input = { UserName: user, Password: password, PasswordResetRequired: isReset }
        if (isSet) await iam.send(new UpdateLoginProfileCommand(input))
        else await iam.send(new CreateLoginProfileCommand(input))
        notify('The password was saved.')
      }}
    >
      <NewPasswordField value={password} onChange={setPassword} />
      <Checkbox checked={isReset} onChange={({ detail }) => setReset(detail.checked)}>
        Must be changed at the next sign-in
      </Checkbox>
    </FormDialog>
  )
}

function Devices({ user }: { readonly user: string }): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const pages = usePages(['MFA devices', user], async () => {
    const { MFADevices } = await iam.send(new ListMFADevicesCommand({ UserName: user, MaxItems: 1000 }))
    return { rows: MFADevices ?? [], next: undefined }
  })
  return (
    <>
      <List<MFADevice>
        variant="container"
        title="MFA devices"
        what="list MFA devices"
        pages={pages}
        idOf={({ SerialNumber }) => SerialNumber ?? ''}
        actions={<Button onClick={() => setAdding(true)}>Add MFA device</Button>}
        empty="No MFA devices: the password alone lets this user in."
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ SerialNumber }) => nameOf(SerialNumber),
          },
          { id: 'serial', header: 'Serial number', cell: ({ SerialNumber }) => SerialNumber },
          { id: 'since', header: 'Since', cell: ({ EnableDate }) => when(EnableDate) },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ SerialNumber = '' }) => (
              <Button
                variant="inline-link"
                ariaLabel={`Remove ${nameOf(SerialNumber)}`}
                onClick={() => setDoomed(SerialNumber)}
              >
                Remove
              </Button>
            ),
          },
        ]}
      />
      {isAdding && (
        <AddDevice
          user={user}
          onClose={() => {
            setAdding(false)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Remove MFA device ${nameOf(doomed)}`}
          what="remove this device"
          word="remove"
          action="Remove device"
          command={[
            awsCommand('iam', 'deactivate-mfa-device', { UserName: user, SerialNumber: doomed }),
            awsCommand('iam', 'delete-virtual-mfa-device', { SerialNumber: doomed }),
          ].join('\n')}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await iam.send(new DeactivateMFADeviceCommand({ UserName: user, SerialNumber: doomed }))
            await iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber: doomed }))
            notify('The device was removed.')
            pages.refresh()
          }}
        >
          Its codes are worth nothing from then on. What policies allow only with MFA is refused without
          another device.
        </Confirm>
      )}
    </>
  )
}

/** The device is made, shown, and enabled with two codes of it: what nobody could read is not asked for at the next sign-in. */
function AddDevice({ user, onClose }: { readonly user: string; readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState(user)
  const [made, setMade] = useState<VirtualMFADevice>()
  const [codes, setCodes] = useState<readonly [string, string]>(['', ''])
  const { SerialNumber } = made ?? {}
  const forget = (): void => {
    if (SerialNumber !== undefined)
      void iam.send(new DeleteVirtualMFADeviceCommand({ SerialNumber })).catch(() => undefined)
    onClose()
  }
  const make = async (): Promise<'stays'> => {
    const { VirtualMFADevice: device } = await iam.send(
      new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: name }),
    )
    setMade(device)
    return 'stays'
  }
  if (made === undefined)
    return (
      <FormDialog
        key="make"
        title="Add MFA device"
        what="make this device"
        action="Show the code to scan"
        isReady={/^[\w+=,.@-]{1,226}$/.test(name)}
        command={awsCommand('iam', 'create-virtual-mfa-device', {
          VirtualMFADeviceName: name,
          Outfile: 'qr.png',
          BootstrapMethod: 'QRCodePNG',
        })}
        onClose={onClose}
        onSubmit={make}
      >
        <FormField label="Device name" description="Its own among those of the account.">
          <Input value={name} onChange={({ detail }) => setName(detail.value)} />
        </FormField>
      </FormDialog>
    )
  return (
    <FormDialog
      key="enable"
      title="Add MFA device"
      what="enable this device"
      action="Add device"
      isReady={codes.every((code) => /^\d{6}$/.test(code))}
      command={awsCommand('iam', 'enable-mfa-device', {
        UserName: user,
        SerialNumber,
        AuthenticationCode1: 'FIRST-CODE',
        AuthenticationCode2: 'SECOND-CODE',
      })}
      onClose={forget}
      onSubmit={async () => {
        const [AuthenticationCode1, AuthenticationCode2] = codes
        await iam.send(
          new EnableMFADeviceCommand({
            UserName: user,
            SerialNumber,
            AuthenticationCode1,
            AuthenticationCode2,
          }),
        )
        notify('The device is asked for from now on.')
        // Closed like this it stays, where cancelling forgets it.
        onClose()
        return 'stays'
      }}
    >
      <Seed of={made} />
      {(['First code', 'The code after it'] as const).map((label, index) => (
        <FormField key={label} label={label}>
          <Input
            inputMode="numeric"
            autoComplete="one-time-code"
            value={codes[index] ?? ''}
            onChange={({ detail }) =>
              setCodes(index === 0 ? [detail.value, codes[1]] : [codes[0], detail.value])
            }
          />
        </FormField>
      ))}
    </FormDialog>
  )
}

function Seed({ of: { QRCodePNG, Base32StringSeed } }: { readonly of: VirtualMFADevice }): ReactNode {
  const seed = new TextDecoder().decode(Base32StringSeed)
  return (
    <>
      <Box>Scan this with an authenticator app, or give it the key. Nobody can look either up later.</Box>
      <img
        alt="QR code of the device"
        width={200}
        height={200}
        src={`data:image/png;base64,${btoa(String.fromCharCode(...(QRCodePNG ?? [])))}`}
      />
      <CopyToClipboard
        variant="inline"
        textToCopy={seed}
        copyButtonAriaLabel="Copy the key"
        copySuccessText="Copied"
        copyErrorText="The browser did not let it be copied"
      />
    </>
  )
}
