import { modelOf } from '../src/aws/model.ts'
import { readClaim, sign, verifySignature } from '../src/aws/sigv4.ts'
import type { WireRequest } from '../src/aws/wire.ts'
import { calibration } from './calibration.ts'

/** Signatures read and verified a second, on one thread: a request of Backup with ARNs in its path, and one of IAM with a form. */
const TARGET = 30_000
const ROUNDS = 5
const ROUND_MS = 600
const KEY = { accessKeyId: 'AKIAEXAMPLEEXAMPLE01', secretAccessKey: 'x'.repeat(40) }

const REQUESTS: readonly (readonly ['backup' | 'iam', string, string, string])[] = [
  ['backup', 'GET', '/tags/arn%3Aaws%3Abackup%3Aus-east-1%3A123456789012%3Abackup-vault%3Aprod/', ''],
  [
    'backup',
    'PUT',
    '/backup-jobs',
    JSON.stringify({ BackupVaultName: 'prod', ResourceArn: 'arn:aws:s3:::b' }),
  ],
  ['iam', 'POST', '/', 'Action=GetRole&Version=2010-05-08&RoleName=AWSBackupDefaultServiceRole'],
]

export async function run(): Promise<void> {
  say(calibration())
  const now = Date.now()
  const signed = REQUESTS.map(([service, method, rawTarget, text]) => {
    const body = Buffer.from(text)
    const headers = [
      ['host', '127.0.0.1:8420'],
      ['content-type', 'application/json'],
      ['user-agent', 'aws-sdk-js/3 os/linux'],
    ] as const
    const request: WireRequest = { method, rawTarget, headers: [...headers], body }
    const scope = { region: 'us-east-1', service }
    return {
      model: modelOf(service),
      request: { ...request, headers: sign(request, KEY, scope, now) } as WireRequest,
    }
  })
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now()
    let verified = 0
    while (performance.now() - started < ROUND_MS) {
      for (const { model, request } of signed) {
        const claim = readClaim(model, request)
        if (verifySignature(model, request, claim, KEY.secretAccessKey, now) !== undefined)
          throw new Error('a right signature was refused: the bench is broken')
        verified++
      }
    }
    rates.push(verified / ((performance.now() - started) / 1000))
    await new Promise(setImmediate)
  }
  const median = rates.toSorted((a, b) => a - b)[ROUNDS >> 1] as number
  say(
    `signatures read and verified: ${Math.round(median).toLocaleString('en')}/s (target at least ${TARGET})`,
  )
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
