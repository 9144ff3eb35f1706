import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { callService } from '../../src/aws/client.ts'
import type { Credentials } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { shapeOf } from '../../src/aws/model.ts'
import type { OperationModel, ServiceModel } from '../../src/aws/model.ts'
import { REGION, TABLES, startApiServer } from '../servers/api.ts'
import { exampleInput } from './example-input.ts'
import { openPrincipals, PRINCIPALS } from './principals.ts'
import { EVERY, nameOf, readMatrix, unplaced } from './rights-matrix.ts'

/**
 * Who is let by to which operation: every operation of every model, called by each principal of principals.ts through the whole
 * server, against rights-matrix.txt. A new operation fails here until somebody has placed it there.
 */
const server = await startApiServer()
after(() => server[Symbol.asyncDispose]())

const MATRIX = readMatrix()

test('every operation of every model stands in the matrix once, and nothing else does', () => {
  assert.deepEqual(
    unplaced(),
    [],
    'give each a row in the section of rights-matrix.txt that fits what it does',
  )
  const modelled = EVERY.map(([model, operation]) => nameOf(model, operation))
  assert.deepEqual([...MATRIX.keys()].toSorted(), modelled.toSorted())
})

test('no row of the matrix gives more than its section may give', () => {
  const known = new Set<string>([...PRINCIPALS, 'anybody'])
  for (const [name, { atMost, allowed }] of MATRIX) {
    assert.deepEqual(
      [...allowed].filter((who) => !known.has(who) || !atMost.includes(who)),
      [],
      name,
    )
  }
})

/** Where the smallest input says too little: a role that its account may assume. */
const MORE: Readonly<Record<string, object>> = {
  'sts:AssumeRole': { RoleArn: 'arn:aws:iam::123456789012:role/job' },
}

/**
 * The smallest input that the model lets by, in the server's own account; with the user and the role that an operation may leave
 * out, since leaving them out means oneself.
 */
function inputOf(model: ServiceModel, operation: OperationModel): unknown {
  if (operation.input === undefined) return {}
  const members = shapeOf(model, operation.input).members ?? {}
  const named = ['UserName', 'IamRoleArn'].filter((name) => members[name] !== undefined)
  return own({
    ...Object.fromEntries(named.map((name) => [name, exampleInput(model, members[name]!, true)])),
    ...(exampleInput(model, operation.input) as object),
    ...MORE[nameOf(model, operation)],
  })
}

function own(value: unknown): unknown {
  if (typeof value === 'string') {
    return value
      .replaceAll('123456789012', server.accountId)
      .replace(/:role\/abc$/, ':role/service-role/AWSBackupDefaultServiceRole')
  }
  if (Array.isArray(value)) return value.map(own)
  if (typeof value !== 'object' || value === null || value instanceof Date || Buffer.isBuffer(value))
    return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, own(inner)]))
}

/** Whether the policies let the call by; what the server says of its input afterwards is another matter. */
async function isLetBy(model: ServiceModel, operation: OperationModel, by: Credentials): Promise<boolean> {
  const input = inputOf(model, operation)
  const { name } = model.metadata
  try {
    await callService(server.endpoint, by, REGION, name, operation.name as never, input as never)
    return true
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    assert.ok(error.status < 500, `${operation.name}: ${error.code} ${error.message}`)
    return error.status !== 403
  }
}

test('each principal is let by to the operations that the matrix gives him, and to no other', async () => {
  const credentials = await openPrincipals(server)
  const differences: string[] = []
  for (const [model, operation] of EVERY) {
    const entry = (TABLES[model.metadata.name] as Record<string, object>)[operation.name] as object
    const allowed: string[] = []
    if ('unsigned' in entry) allowed.push('anybody')
    else {
      for (const principal of PRINCIPALS) {
        if (await isLetBy(model, operation, credentials[principal])) allowed.push(principal)
      }
    }
    const name = nameOf(model, operation)
    const expected = MATRIX.get(name)?.allowed ?? []
    if (allowed.join() !== expected.join())
      differences.push(
        `${name}: ${allowed.join(' ') || 'nobody'}, the matrix says ${expected.join(' ') || 'nobody'}`,
      )
  }
  assert.deepEqual(differences, [])
  assert.deepEqual(server.errors, [])
})
