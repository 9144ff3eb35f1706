import { randomBytes, randomUUID } from 'node:crypto'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** Prefixes of IAM's unique ids (IAM User Guide, "Unique identifiers"). */
export type IamIdPrefix = 'AIDA' | 'AROA' | 'AGPA' | 'ANPA' | 'AIPA' | 'AKIA' | 'ASIA'

/** A unique id as IAM writes them: the prefix and 17 more of A-Z and 2-7 (16 for access keys). */
export function iamId(prefix: IamIdPrefix): string {
  const length = prefix === 'AKIA' || prefix === 'ASIA' ? 16 : 17
  return prefix + [...randomBytes(length)].map((byte) => BASE32[byte & 31]).join('')
}

/** 40 characters, like AWS's secret access keys. */
export function secretAccessKey(): string {
  return randomBytes(30).toString('base64')
}

/** Twelve digits, never with a leading zero. */
export function randomAccountId(): string {
  const digits = [...randomBytes(11)].map((byte) => byte % 10).join('')
  return `${1 + ((randomBytes(1)[0] as number) % 9)}${digits}`
}

/** Lower-case hexadecimal of `bytes` random bytes. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}

export const uuid: () => string = randomUUID
