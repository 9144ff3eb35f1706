import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { IssueRecoveryKitOutput } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Facts } from '../../parts/facts.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { count } from '../../parts/format.ts'
import { Problem } from '../../parts/problem.tsx'

/** Whether the kit still lies beside what it is to be a way out of, and giving the vaults to another kit. */
export function RecoveryKit(): ReactNode {
  const [isIssuing, setIssuing] = useState(false)
  const [issued, setIssued] = useState<IssueRecoveryKitOutput>()
  const { data, error } = useQuery({
    queryKey: ['server'],
    queryFn: async () => await roleback('DescribeServer', {}),
  })
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="With its passphrase it opens every vault, when the server and its database are gone. Without it nobody can."
          actions={
            // Whoever is told whether it is here may issue another.
            data?.IsRecoveryKitHere !== undefined && (
              <Button onClick={() => setIssuing(true)}>Give vaults to another kit</Button>
            )
          }
        >
          Recovery kit
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== null && <Problem error={error} what="see where the recovery kit is" />}
        {data?.RecoveryKitPath !== undefined && (
          <Alert type="warning" header="The recovery kit still lies on the server">
            Move it and its passphrase to two other places: {data.RecoveryKitPath}
          </Alert>
        )}
        {data?.IsRecoveryKitHere === false && (
          <Alert type="info" header="The recovery kit does not lie on the server">
            Where it is kept, only you know. Try it once a year: tools/recover.mjs lies in every vault.
          </Alert>
        )}
        {data !== undefined && data.IsRecoveryKitHere === undefined && (
          <Alert type="info" header="Where the recovery kit lies is told to those who may issue one">
            That takes roleback:IssueRecoveryKit and iam:CreateAccessKey in the management account.
          </Alert>
        )}
        {issued !== undefined && (
          <Alert type="success" header="Another kit was issued">
            {count(issued.JobIds.length, 'vault is', 'vaults are')} being given a new key for it. Until that
            has run, the new kit does not open them. Keep the old one as safe as before.
          </Alert>
        )}
        {data !== undefined && (
          <Facts
            of={[
              ['Server', data.ServerId],
              ['Account', data.AccountId],
              ['Region', data.Region],
              ['Version', data.Version],
            ]}
          />
        )}
      </SpaceBetween>
      {isIssuing && <Issue onIssued={setIssued} onClose={() => setIssuing(false)} />}
    </Container>
  )
}

function Issue({
  onIssued,
  onClose,
}: {
  readonly onIssued: (answer: IssueRecoveryKitOutput) => void
  readonly onClose: () => void
}): ReactNode {
  const [key, setKey] = useState('')
  return (
    <FormDialog
      title="Give vaults to another kit"
      what="give the vaults to this kit"
      action="Give vaults to it"
      isReady={key.trim() !== ''}
      command="./roleback kit issue --out KIT --passphrase-out FILE"
      onClose={onClose}
      onSubmit={async () => onIssued(await roleback('IssueRecoveryKit', { PublicKey: key.trim() }))}
    >
      <Box>
        The command below makes a kit and does the whole of this: its private half never comes to the server
        or to this page. Here you give the vaults to a kit that was made before. It takes a session with MFA.
      </Box>
      <FormField label="Public key of the kit">
        <Textarea value={key} rows={3} onChange={({ detail }) => setKey(detail.value)} />
      </FormField>
    </FormDialog>
  )
}
