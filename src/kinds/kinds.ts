import { efs } from './efs.ts'
import type { Kind } from './kind.ts'
import { rds } from './rds.ts'
import { s3 } from './s3.ts'
import { TARGET_RESOURCE } from './target-resource.ts'

/** All kinds in the order in which GetSupportedResourceTypes lists them. */
export const KINDS: readonly Kind[] = [efs, rds, s3]

const RESOURCE_FORMS: readonly { readonly kind: Kind; readonly form: RegExp }[] = [
  {
    kind: efs,
    form: /^arn:aws:elasticfilesystem:[a-z0-9-]+:\d{12}:file-system\/(?<name>fs-[A-Za-z0-9]+)$/,
  },
  { kind: rds, form: /^arn:aws:rds:[a-z0-9-]+:\d{12}:db:(?<name>[A-Za-z][A-Za-z0-9_-]{0,62})$/ },
  { kind: s3, form: /^arn:aws:s3:::(?<name>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/ },
]

/** The kind of a resource type name such as `RDS`, exactly as AWS Backup spells it; undefined for others. */
export function kindOfType(type: string): Kind | undefined {
  return KINDS.find((kind) => kind.type === type)
}

/** The kind of a resource ARN and the resource's name within it; undefined where no kind has that ARN form. */
export function kindOfArn(arn: string): { readonly kind: Kind; readonly name: string } | undefined {
  for (const { kind, form } of RESOURCE_FORMS) {
    const name = form.exec(arn)?.groups?.['name']
    if (name !== undefined) return { kind, name }
  }
  return undefined
}

/**
 * ARN of the registered resource whose connection a restore works through: the one the caller named, else the target where it
 * is registered already, else the source's own.
 */
export function restoreConnectionArn(options: {
  readonly metadata: Readonly<Record<string, string>>
  readonly target: { readonly arn: string; readonly isNew: boolean }
  readonly resourceArn: string
}): string {
  const named = options.metadata[TARGET_RESOURCE]
  if (named !== undefined && named !== '') return named
  return options.target.isNew ? options.resourceArn : options.target.arn
}
