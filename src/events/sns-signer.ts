import { createHash, createPrivateKey, generateKeyPair, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import type { ServerKey } from '../keyring/server-key.ts'
import { findSnsSigner, insertSnsSigner } from '../store/events/sns-signer.ts'
import type { Store } from '../store/store.ts'
import { selfSigned } from './certificate.ts'

/** Who signs what SNS endpoints are sent. */
export interface SnsSigner {
  /** Name of the file that its certificate is served as: another certificate has another. */
  readonly fileName: string
  /** SignatureVersion 2: RSA with SHA-256, PKCS #1 v1.5. Base64. */
  readonly sign: (text: string) => string
}

const OWNER = 'server'
const MODULUS_BITS = 2_048

/** The server's one, made the first time. */
export async function openSnsSigner(store: Store, serverKey: ServerKey): Promise<SnsSigner> {
  let row = await findSnsSigner(store.db)
  if (row === undefined) {
    const pair = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS })
    const serial = Buffer.concat([Buffer.from([1]), randomBytes(15)])
    await insertSnsSigner(store.db, {
      certificate: selfSigned(pair, 'Roleback SNS messages', serial),
      sealed_key: serverKey.seal(
        'sns-signer',
        OWNER,
        pair.privateKey.export({ type: 'pkcs8', format: 'der' }),
      ),
    })
    row = await findSnsSigner(store.db)
  }
  if (row === undefined) throw new Error('The key that SNS messages are signed with was not kept')
  const key = createPrivateKey({
    key: serverKey.open('sns-signer', OWNER, row.sealed_key),
    format: 'der',
    type: 'pkcs8',
  })
  return { fileName: fileNameOf(row.certificate), sign: (text) => signed(text, key) }
}

/** The certificate of that name, for anybody; undefined where it is none of this server. */
export async function snsCertificate(store: Store, fileName: string): Promise<string | undefined> {
  const row = await findSnsSigner(store.db)
  return row !== undefined && fileNameOf(row.certificate) === fileName ? row.certificate : undefined
}

function fileNameOf(certificate: string): string {
  return `SimpleNotificationService-${createHash('sha256').update(certificate).digest('hex').slice(0, 32)}.pem`
}

const signed = (text: string, key: KeyObject): string =>
  sign('sha256', Buffer.from(text), key).toString('base64')
