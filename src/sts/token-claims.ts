import { IDPRejectedClaimException } from '../aws/generated/sts.ts'
import type { Tag } from '../aws/generated/sts.ts'

/** What a provider may say of the session to be, in the token itself (IAM User Guide, "Passing session tags in AWS STS"). */
export interface SessionClaims {
  readonly Tags: readonly Tag[]
  readonly TransitiveTagKeys: readonly string[]
  readonly sourceIdentity: string | undefined
}

const TAGS = 'https://aws.amazon.com/tags'
const PRINCIPAL_TAGS = 'principal_tags'
const TRANSITIVE_KEYS = 'transitive_tag_keys'
const SOURCE_IDENTITY = 'https://aws.amazon.com/source_identity'
const MAX_TAGS = 50
const TAG_KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u
const IDENTITY = /^[\w+=,.@-]{2,64}$/

type Claims = Readonly<Record<string, unknown>>

/**
 * Takes both of AWS's forms: one nested claim, or one claim for each tag.
 * @throws {IDPRejectedClaimException} For what no session could have: better no session than one without its tags.
 */
export function sessionClaims(claims: Claims): SessionClaims {
  const nested = claims[TAGS]
  if (nested !== undefined && !isObject(nested)) throw rejected(TAGS, 'it is no object')
  const tags = [...nestedTags(nested?.[PRINCIPAL_TAGS]), ...flatTags(claims)]
  if (tags.length > MAX_TAGS) throw rejected(TAGS, `it has more than ${MAX_TAGS} tags`)
  const transitive = nested?.[TRANSITIVE_KEYS] ?? claims[`${TAGS}/${TRANSITIVE_KEYS}`]
  const sourceIdentity = claims[SOURCE_IDENTITY]
  if (sourceIdentity !== undefined && !(typeof sourceIdentity === 'string' && IDENTITY.test(sourceIdentity)))
    throw rejected(SOURCE_IDENTITY, 'it is no source identity')
  return { Tags: tags, TransitiveTagKeys: transitiveKeys(transitive), sourceIdentity }
}

function nestedTags(written: unknown): readonly Tag[] {
  if (written === undefined) return []
  if (!isObject(written)) throw rejected(TAGS, `${PRINCIPAL_TAGS} is no object`)
  return Object.entries(written).map(([key, value]) => tagOf(key, value))
}

function flatTags(claims: Claims): readonly Tag[] {
  const start = `${TAGS}/${PRINCIPAL_TAGS}/`
  return Object.entries(claims)
    .filter(([name]) => name.startsWith(start))
    .map(([name, value]) => tagOf(name.slice(start.length), value))
}

/** AWS writes a value as a list of one. */
function tagOf(Key: string, written: unknown): Tag {
  const Value: unknown = Array.isArray(written) && written.length === 1 ? written[0] : written
  if (!TAG_KEY.test(Key) || typeof Value !== 'string' || !TAG_VALUE.test(Value))
    throw rejected(TAGS, `"${Key.slice(0, 128)}" is no tag with one value`)
  return { Key, Value }
}

function transitiveKeys(written: unknown): readonly string[] {
  if (written === undefined) return []
  if (Array.isArray(written) && written.every((key) => typeof key === 'string')) return written
  throw rejected(TAGS, `${TRANSITIVE_KEYS} is no list of keys`)
}

function isObject(value: unknown): value is Claims {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function rejected(claim: string, reason: string): IDPRejectedClaimException {
  return new IDPRejectedClaimException(`The claim ${claim} of the token cannot be used: ${reason}`)
}
