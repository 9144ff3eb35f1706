import type { KeyObject } from 'node:crypto'
import { sign } from 'node:crypto'

/** The one X.509 certificate that the server makes (RFC 5280): its own, of an RSA key, signed by that key. */

const SEQUENCE = 0x30
const SET = 0x31
const INTEGER = 0x02
const BOOLEAN = 0x01
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18

/** sha256WithRSAEncryption (RFC 4055), commonName (RFC 5280), keyUsage (RFC 5280, 4.2.1.3), each with tag and length. */
const SHA256_WITH_RSA = Buffer.from('06092a864886f70d01010b', 'hex')
const COMMON_NAME = Buffer.from('0603550403', 'hex')
const KEY_USAGE = Buffer.from('0603551d0f', 'hex')
const NULL = Buffer.from('0500', 'hex')
/** digitalSignature alone: this key stands for no server and no authority. */
const DIGITAL_SIGNATURE = Buffer.from('03020780', 'hex')

/**
 * A certificate without an end, as RFC 5280, 4.1.2.5 has it.
 * @param serial At most 16 bytes, the first below 128 and not 0.
 * @returns PEM.
 */
export function selfSigned(
  { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  commonName: string,
  serial: Buffer,
): string {
  const algorithm = der(SEQUENCE, SHA256_WITH_RSA, NULL)
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from(commonName)))))
  const validity = der(
    SEQUENCE,
    der(UTC_TIME, Buffer.from('260101000000Z')),
    der(GENERALIZED_TIME, Buffer.from('99991231235959Z')),
  )
  const usage = der(
    SEQUENCE,
    KEY_USAGE,
    der(BOOLEAN, Buffer.from([0xff])),
    der(OCTET_STRING, DIGITAL_SIGNATURE),
  )
  const toSign = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, serial),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, usage)),
  )
  const signature = sign('sha256', toSign, privateKey)
  const whole = der(SEQUENCE, toSign, algorithm, der(BIT_STRING, Buffer.from([0]), signature))
  const lines = whole.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  const { length } = body
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...head]), body])
}
