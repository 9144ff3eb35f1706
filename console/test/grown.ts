import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ACCOUNT } from './filled.ts'

const DAY_MS = 86_400_000

/**
 * As many more resources, recovery points spread over them and ten days, and backup jobs spread over thirty: copies of one that there is.
 * The server must not run.
 */
export function grow(dataDir: string, resources: number, points: number, jobs: number = 0): void {
  const db = new DatabaseSync(join(dataDir, 'roleback.db'))
  db.exec('begin')
  multiply(db, 'resource', resources, {
    arn: "substr(t.arn, 1, instr(t.arn, '/fs-')) || printf('fs-%017x', n.i)",
    unique_id: "printf('grown-%d', n.i)",
    name: "printf('grown-%d', n.i)",
  })
  multiply(db, 'recovery_point', points, {
    arn: `printf('arn:aws:backup:us-east-1:${ACCOUNT}:recovery-point:%08x-0000-4000-8000-%012x', n.i, n.i)`,
    point_id: "printf('%032x', n.i)",
    resource_arn: `substr(t.resource_arn, 1, instr(t.resource_arn, '/fs-')) || printf('fs-%017x', 1 + n.i % ${resources})`,
    resource_unique_id: `printf('grown-%d', 1 + n.i % ${resources})`,
    created_at: `t.created_at - (n.i / ${resources}) * ${DAY_MS}`,
  })
  if (jobs > 0)
    multiply(db, "job where kind = 'backup' and state = 'COMPLETED'", jobs, {
      job_id: "printf('grown-%d', n.i)",
      resource_arn: `substr(t.resource_arn, 1, instr(t.resource_arn, '/fs-')) || printf('fs-%017x', 1 + n.i % ${resources})`,
      idempotency_token: 'null',
      created_at: `t.created_at - (n.i % 30) * ${DAY_MS}`,
    })
  db.exec('commit')
  db.exec('analyze')
  db.close()
}

/** @param from The table, and which of its rows. @param other SQL of the columns that are not as in the row that is copied; `n.i` is the number of the copy, from 1. */
function multiply(
  db: DatabaseSync,
  from: string,
  copies: number,
  other: Readonly<Record<string, string>>,
): void {
  const [table = ''] = from.split(' ')
  const columns = db
    .prepare(`select name from pragma_table_info('${table}')`)
    .all()
    .map(({ name }) => String(name))
  db.exec(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${copies})
     insert into ${table} (${columns.join(', ')})
     select ${columns.map((column) => other[column] ?? `t.${column}`).join(', ')}
     from n, (select * from ${from} limit 1) t`,
  )
}
