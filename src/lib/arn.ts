/** The parts of an Amazon Resource Name: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`. */
export interface Arn {
  readonly partition: string
  readonly service: string
  readonly region: string
  readonly accountId: string
  /** Everything behind the fifth colon; may hold colons and slashes. */
  readonly resource: string
}

/** Splits an ARN; undefined where `text` is none. */
export function parseArn(text: string): Arn | undefined {
  const parts = text.split(':')
  if (parts.length < 6 || parts[0] !== 'arn') return undefined
  const [, partition, service, region, accountId, ...rest] = parts as [string, string, string, string, string]
  const resource = rest.join(':')
  if (partition === '' || service === '' || resource === '') return undefined
  return { partition, service, region, accountId, resource }
}

/** Joins the parts; the partition is always `aws`. */
export function arnOf(service: string, region: string, accountId: string, resource: string): string {
  return `arn:aws:${service}:${region}:${accountId}:${resource}`
}
