import type { Kind } from '../kinds/kind.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import type { Tags } from '../store/identity/tags.ts'
import type { Asked } from './authorize.ts'
import { BACKUP_SERVICE } from './passed-role.ts'
import { resourceTagKeys } from './request-context.ts'

/**
 * What deleting a recovery point by hand asks of the caller beside `backup:DeleteRecoveryPoint`: where the kind's recovery points belong
 * to the source's own service, that service's delete action with `aws:CalledVia`.
 */
export function deletionAtSource(
  kind: Kind,
  { resource_arn: resourceArn, arn: recoveryPointArn }: RecoveryPointTable,
  tags: Tags,
): readonly (Asked & { readonly context: NonNullable<Asked['context']> })[] {
  const context = { ...resourceTagKeys(tags), ...VIA_BACKUP }
  return Object.values(kind.remove).flatMap(({ action, arns }) =>
    arns({ resourceArn, recoveryPointArn }).map((resource) => ({ action, resource, context })),
  )
}

const VIA_BACKUP = {
  'aws:CalledVia': [BACKUP_SERVICE],
  'aws:CalledViaFirst': BACKUP_SERVICE,
  'aws:CalledViaLast': BACKUP_SERVICE,
  'aws:ViaAWSService': 'true',
}
