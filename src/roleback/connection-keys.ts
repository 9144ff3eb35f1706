import { realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Connection, RegisterResourceInput } from '../aws/generated/roleback.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { ResourceType } from '../kinds/kind.ts'

/**
 * Condition keys of a connection: what it will really reach, in the one spelling that is stored. A policy must not be answered
 * with `/allowed/../etc`, with another case, or with a member that the resource's type does not look at.
 */
export function connectionContext(
  type: ResourceType | undefined,
  connection: Connection = {},
): OperationContext {
  const { Host, Path, RestoreRoot, Endpoint, Bucket } = connection
  switch (type) {
    case 'RDS':
      return present({ 'roleback:Host': Host?.toLowerCase() })
    case 'EFS':
      return present({
        'roleback:Path': realPath(Path),
        'roleback:RestoreRoot': realPath(RestoreRoot) ?? (Path && dirname(realPath(Path) as string)),
      })
    case 'S3':
      return present({ 'roleback:Endpoint': originOf(Endpoint), 'roleback:Bucket': Bucket })
    case undefined:
      return {}
  }
}

/** Condition keys of a registration. */
export function registrationContext(input: RegisterResourceInput): OperationContext {
  const tags = input.Tags ?? []
  return {
    'roleback:ResourceType': input.ResourceType,
    ...(input.ResourceType === 'S3' && { 'roleback:Bucket': input.Name }),
    ...connectionContext(input.ResourceType, input.Connection),
    ...Object.fromEntries(tags.map((tag) => [`aws:RequestTag/${tag.Key}`, tag.Value])),
    ...(tags.length > 0 && { 'aws:TagKeys': tags.map((tag) => tag.Key) }),
  }
}

function present(keys: Readonly<Record<string, string | undefined>>): OperationContext {
  return Object.fromEntries(
    Object.entries(keys).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function realPath(given: string | undefined): string | undefined {
  if (given === undefined) return undefined
  try {
    return realpathSync(resolve(given))
  } catch {
    // Refused later, whatever is decided; until then without its dots.
    return resolve('/', given)
  }
}

function originOf(endpoint: string | undefined): string | undefined {
  return endpoint !== undefined && URL.canParse(endpoint) ? new URL(endpoint).origin : endpoint
}
