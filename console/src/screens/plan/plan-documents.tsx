import type { BackupPlan, BackupPlanInput } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import type { ReactNode } from 'react'
import { AwsCommand, awsCommand } from '../../parts/aws-command.tsx'
import { terraformOf } from '../../parts/terraform.ts'

/** The same plan as documents: what AWS's tools take. */
export function PlanDocuments({ plan }: { readonly plan: BackupPlan }): ReactNode {
  return (
    <Container header={<Header variant="h2">Show as</Header>}>
      <Box variant="h3">Terraform</Box>
      <Box variant="code">
        <pre className="command">{terraformOf(plan)}</pre>
      </Box>
      <AwsCommand command={awsCommand('backup', 'create-backup-plan', { BackupPlan: inputOf(plan) })} />
    </Container>
  )
}

/** What CreateBackupPlan and UpdateBackupPlan take: without what the server added. */
export function inputOf(plan: BackupPlan): BackupPlanInput {
  const rules = (plan.Rules ?? []).map((rule) => ({ ...rule, RuleId: undefined }))
  return { ...plan, BackupPlanName: plan.BackupPlanName, Rules: rules }
}
