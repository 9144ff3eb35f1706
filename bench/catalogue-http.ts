import { Agent, request } from 'node:http'
import { callerOf } from '../src/aws/client.ts'
import type { Credentials } from '../src/aws/client.ts'
import { modelOf } from '../src/aws/model.ts'
import type { OperationModel } from '../src/aws/model.ts'
import { sign } from '../src/aws/sigv4.ts'
import { writeRequest } from '../src/aws/write-request.ts'
import { REGION } from '../test/servers/api.ts'
import type { ApiServer } from '../test/servers/api.ts'

/**
 * What a client of the catalogue waits for, signature, policy, records and JSON included: from the first byte that is sent to the last
 * that comes, one request after the other, on a connection that is kept. What the client makes of the answer is not in the time.
 */
export interface Caller {
  readonly endpoint: URL
  readonly key: Credentials
}

/** A user whose rights come from a managed policy of AWS Backup's full size. */
export async function callerWithRights({ call, endpoint }: ApiServer): Promise<Caller> {
  const UserName = 'bench'
  await call('iam', 'CreateUser', { UserName })
  await call('iam', 'AttachUserPolicy', {
    UserName,
    PolicyArn: 'arn:aws:iam::aws:policy/AWSBackupFullAccess',
  })
  const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName })
  const key = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
  // A new key is looked up once.
  await callerOf(endpoint, key, REGION)('sts', 'GetCallerIdentity', {})
  return { endpoint: new URL(endpoint), key }
}

/** The times of all pages of 1,000 in milliseconds, and how many recovery points they have together. */
export async function pageTimes(
  caller: Caller,
  vault: string,
): Promise<{ readonly times: readonly number[]; readonly items: number }> {
  using agent = kept()
  const times: number[] = []
  let [items, token] = [0, undefined as string | undefined]
  do {
    const input = { BackupVaultName: vault, MaxResults: 1_000, NextToken: token }
    const { ms, body } = await timed(agent, caller, 'ListRecoveryPointsByBackupVault', input)
    times.push(ms)
    const page = JSON.parse(body) as {
      readonly RecoveryPoints: readonly unknown[]
      readonly NextToken?: string
    }
    items += page.RecoveryPoints.length
    token = page.NextToken
  } while (token !== undefined)
  return { times, items }
}

/** The time of a look at each, in milliseconds. */
export async function describeTimes(
  caller: Caller,
  vault: string,
  arns: readonly string[],
): Promise<readonly number[]> {
  using agent = kept()
  const times: number[] = []
  for (const arn of arns) {
    const input = { BackupVaultName: vault, RecoveryPointArn: arn }
    const { ms, body } = await timed(agent, caller, 'DescribeRecoveryPoint', input)
    if (!body.includes(`"${arn}"`)) throw new Error(`Not what was asked for: ${body}`)
    times.push(ms)
  }
  return times
}

function kept(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() })
}

async function timed(
  agent: Agent,
  { endpoint, key }: Caller,
  operation: 'ListRecoveryPointsByBackupVault' | 'DescribeRecoveryPoint',
  input: object,
): Promise<{ readonly ms: number; readonly body: string }> {
  const model = modelOf('backup')
  const wire = writeRequest(model, model.operations[operation] as OperationModel, input, endpoint.host)
  const headers = sign(wire, key, { region: REGION, service: 'backup' }, Date.now())
  const { promise, resolve, reject } = Promise.withResolvers<{ ms: number; status: number; body: string }>()
  const startedAt = performance.now()
  const { hostname, port } = endpoint
  const sent = request({ hostname, port, agent, method: wire.method, path: wire.rawTarget }, (answer) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => void chunks.push(chunk))
    answer.once('error', reject)
    answer.once('end', () => {
      const ms = performance.now() - startedAt
      resolve({ ms, status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
    })
  })
  for (const [name, value] of headers) sent.setHeader(name, value)
  sent.once('error', reject)
  sent.end(wire.body)
  const { status, ms, body } = await promise
  if (status !== 200) throw new Error(`${operation}: ${status} ${body}`)
  return { ms, body }
}
