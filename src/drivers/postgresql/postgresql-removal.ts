import { removalStep } from '../../kinds/restore-test.ts'
import type { RestoredThing } from '../driver.ts'
import { dropDatabase } from './postgresql-place.ts'
import { parsePostgresqlSettings } from './postgresql-settings.ts'

/** Drops the database that a restore test made. */
export async function removeRestoredDatabase({ session, targetArn, name }: RestoredThing): Promise<void> {
  const target = { resourceArn: session.resource.arn, targetArn }
  await session.call(removalStep('RDS', 'DeleteDatabase'), target, (connection) =>
    dropDatabase(parsePostgresqlSettings(connection), name),
  )
}
