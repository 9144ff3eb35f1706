import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { ActionFacts } from '../policy/reference.ts'
import { globsOverlap } from '../policy/overlap.ts'
import { knownActions } from './policy-lint.ts'

/** AWS's reference has no narrower form for what any service may make. */
const RECOVERY_POINT = '*:*:*:*:*'

/**
 * An action as policies name it, e.g. `backup:CopyIntoBackupVault`, in AWS's spelling; undefined for one of our own short words.
 *
 * @throws {InvalidParameterValueException} For one that no service has: nobody could be allowed it, which would pass for an answer.
 */
export function namedAction(action: string): ActionFacts | undefined {
  const [prefix = '', name] = action.split(':')
  if (name === undefined) return undefined
  if (/^sts:assumerole/i.test(action))
    throw new InvalidParameterValueException(
      `${action} is decided by the role's trust policy, too: ask who can "assume" the role`,
      { Context: 'Action' },
    )
  const known = knownActions().service(prefix.toLowerCase())?.actions.get(name.toLowerCase())
  if (known !== undefined) return known
  throw new InvalidParameterValueException(
    `"${action}" is no action of AWS or of this server: write it as policies do, e.g. backup:StartRestoreJob`,
    { Context: 'Action' },
  )
}

/** @throws {InvalidParameterValueException} Where the action is never asked for on such a thing. */
export function requireFit({ name, resources }: ActionFacts, resourceArn: string, isVault: boolean): void {
  if (resourceArn === '*' || resources.includes('*')) return
  const rest = resourceArn.replace(/^arn:[^:]*:/, '')
  // A vault's ARN has the form of a recovery point, too.
  const forms = isVault ? resources.filter((form) => form !== RECOVERY_POINT) : resources
  if (forms.some((form) => globsOverlap(form, rest))) return
  const on = resources.map((form) => (form === RECOVERY_POINT ? 'a recovery point' : `arn:aws:${form}`))
  throw new InvalidParameterValueException(
    `${name} is not asked for on ${resourceArn}, but on ${on.length === 0 ? '* alone' : on.join(' or ')}`,
    { Context: 'ResourceArn' },
  )
}

/** What only a request for the action would say; tags of the thing itself are known. */
export function isOfRequest(key: string): boolean {
  if (key.includes('resourcetag/')) return false
  return !key.startsWith('aws:') || /^aws:(?:requesttag\/|tagkeys$|calledvia)/.test(key)
}
