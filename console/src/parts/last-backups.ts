import { DescribeProtectedResourceCommand, ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import { queries } from '../api/queries.ts'

/** One page of the server's; where there are more protected resources, those asked for are described one by one. */
const MAX_LISTED = 1_000
const AT_A_TIME = 25
const FRESH_MS = 5_000

/**
 * When each of these resources was last backed up; those that never were are missing. Exact however many resources there are.
 *
 * @param arns As many as are shown, not all there are.
 */
export async function lastBackups(arns: readonly string[]): Promise<ReadonlyMap<string, Date>> {
  const listed = await queries.fetchQuery({
    queryKey: ['protected'],
    queryFn: async () => await backup.send(new ListProtectedResourcesCommand({ MaxResults: MAX_LISTED })),
    staleTime: FRESH_MS,
  })
  const found = new Map<string, Date>()
  for (const { ResourceArn = '', LastBackupTime } of listed.Results ?? [])
    if (LastBackupTime !== undefined) found.set(ResourceArn, LastBackupTime)
  if (listed.NextToken === undefined) return found
  const unknown = arns.filter((arn) => !found.has(arn))
  for (let at = 0; at < unknown.length; at += AT_A_TIME) {
    const some = unknown.slice(at, at + AT_A_TIME)
    const times = await Promise.all(some.map(lastBackup))
    for (const [index, time] of times.entries()) if (time !== undefined) found.set(some[index] ?? '', time)
  }
  return found
}

async function lastBackup(ResourceArn: string): Promise<Date | undefined> {
  try {
    return (await backup.send(new DescribeProtectedResourceCommand({ ResourceArn }))).LastBackupTime
  } catch (error) {
    if ((error as Error).name === 'ResourceNotFoundException') return undefined
    throw error
  }
}
