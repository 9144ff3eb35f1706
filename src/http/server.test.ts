import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { SERVICE_NAMES, modelOf } from '../aws/model.ts'
import { backup } from '../backup/operations.ts'
import { iam } from '../iam/operations.ts'
import { iamToolbox } from '../iam/toolbox.ts'
import { roleback } from '../roleback/operations.ts'
import { sts } from '../sts/operations.ts'
import { tagging } from '../tagging/operations.ts'
import { Console } from './console.ts'
import { checkTables } from './server.ts'
import type { ServiceTables } from './perform.ts'

const tables = { backup, iam, 'iam-toolbox': iamToolbox, sts, tagging, roleback } as ServiceTables

test('checkTables() finds every operation of every model mapped to a resource', () => {
  checkTables(tables, SERVICE_NAMES.map(modelOf))
})

test('checkTables() refuses to start when one operation has no mapping', () => {
  const { StartBackupJob: _, ...rest } = backup
  const broken = { ...tables, backup: rest } as unknown as ServiceTables
  assert.throws(() => checkTables(broken, SERVICE_NAMES.map(modelOf)), /backup:StartBackupJob/)
})

test('each answer of the console keeps scripts, frames and cookies of others out, and is given under its own names alone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'roleback-http-'))
  copyFileSync(new URL('../../console/index.html', import.meta.url), join(folder, 'index.html'))
  const served = new Console(folder, { regions: ['us-east-1'] }, ['backup.example'])
  const server = createServer((request, response) => void served.answer(request, response)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const get = async (path: string, host: string): Promise<IncomingMessage> => {
    const [answer] = (await once(request({ port, path, headers: { host } }).end(), 'response')) as [
      IncomingMessage,
    ]
    return answer
  }
  try {
    for (const [path, host, status] of [
      ['/console/', 'localhost', 200],
      ['/console/vaults/a', 'backup.example:9000', 200],
      ['/console/server.json', '127.0.0.1', 200],
      ['/console/none.js', 'localhost', 404],
      ['/console', 'localhost', 302],
      ['/console/', 'evil.example', 421],
      ['/console/server.json', 'localhost.evil.example', 421],
    ] as const) {
      const answer = await get(path, host)
      assert.equal(answer.statusCode, status, `${path} at ${host}`)
      const { headers } = answer
      const policy = new Map(
        String(headers['content-security-policy'])
          .split('; ')
          .map((one) => [one.split(' ')[0], one.split(' ').slice(1).join(' ')]),
      )
      assert.equal(policy.get('default-src'), "'none'")
      assert.equal(policy.get('script-src'), "'self'")
      assert.equal(policy.get('style-src'), "'self'")
      assert.equal(policy.get('frame-ancestors'), "'none'")
      assert.equal(policy.get('form-action'), "'none'")
      assert.equal(policy.get('base-uri'), "'none'")
      assert.equal(headers['x-frame-options'], 'DENY')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['referrer-policy'], 'no-referrer')
      assert.equal(headers['set-cookie'], undefined)
      const content = await text(answer)
      assert.doesNotMatch(content, /<script(?![^>]*\ssrc=)/, 'no script that the policy would refuse')
      assert.equal(content.includes('us-east-1'), status === 200 && path.endsWith('.json'))
    }
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
})
