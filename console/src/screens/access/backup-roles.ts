import { ListRolesCommand } from '@aws-sdk/client-iam'
import { decoded } from './calls.ts'
import { iam } from '../../api/iam.ts'

export interface BackupRole {
  readonly name: string
  readonly arn: string
}

/** Each is looked at with a call or more of its own. */
const PER_PAGE = 20

/**
 * Roles whose trust policy names the backup service, not one such as that of its reports, whose name ends alike and whose role nobody
 * can pass; a page of the server's may have none.
 */
export async function backupRolesPage(
  marker: string | undefined,
): Promise<{ readonly rows: readonly BackupRole[]; readonly next: string | undefined }> {
  let next = marker
  let rows: BackupRole[] = []
  do {
    const page = await iam.send(new ListRolesCommand({ MaxItems: PER_PAGE, Marker: next }))
    rows = (page.Roles ?? []).flatMap(({ RoleName: name = '', Arn: arn = '', AssumeRolePolicyDocument }) =>
      decoded(AssumeRolePolicyDocument).includes('"backup.amazonaws.com"') ? [{ name, arn }] : [],
    )
    next = page.IsTruncated === true ? page.Marker : undefined
  } while (rows.length === 0 && next !== undefined)
  return { rows, next }
}
