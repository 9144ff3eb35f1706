import { validationStep } from '../../kinds/restore-test.ts'
import { ItemError } from '../driver.ts'
import type { DriverValidation, RestoredThing } from '../driver.ts'
import { queryRestored } from './postgresql-query.ts'
import { connectDatabase, countTables } from './postgresql-server.ts'
import type { DatabaseSession } from './postgresql-server.ts'
import { parsePostgresqlSettings } from './postgresql-settings.ts'

/** Reads the database that a restore test made. */
export const databaseValidation: DriverValidation = {
  content: (thing) => ({
    count: () => inRestored(thing, countTables),
    digest: () => Promise.reject(new ItemError('A database holds no files')),
    query: (text, limits) => inRestored(thing, (database) => queryRestored(database, text, limits)),
  }),
  // One dump, which says nothing of what is in it.
  // oxlint-disable-next-line require-yield
  items: async function* () {},
  isFile: () => false,
  keyOf: (path) => {
    throw new ItemError(`A database holds no file ${JSON.stringify(path)}`)
  },
}

/** Decides, and gives the work a session on the restored database as the account that restored it. */
async function inRestored<Result>(
  { session, targetArn, name, userArn }: RestoredThing,
  work: (database: DatabaseSession) => Promise<Result>,
): Promise<Result> {
  const target = { resourceArn: session.resource.arn, targetArn, objectArn: userArn }
  return await session.call(validationStep('RDS', 'Connect'), target, async (connection) => {
    const settings = parsePostgresqlSettings(connection)
    // The owner of what it restored. The name is a test's own, whatever the connection leads to.
    const login = { database: name, user: settings.restoreUser, password: settings.restorePassword }
    await using database = await connectDatabase(settings, login, session.signal)
    return await work(database)
  })
}
