import type { CompiledPolicy } from '../policy/compile.ts'

/** Names that AWS calls services by (service authorization reference); those not listed are called by their namespace. */
const NAMES: Readonly<Record<string, string>> = {
  backup: 'AWS Backup',
  'backup-gateway': 'AWS Backup Gateway',
  'backup-search': 'AWS Backup Search',
  dynamodb: 'Amazon DynamoDB',
  ec2: 'Amazon EC2',
  elasticfilesystem: 'Amazon Elastic File System',
  events: 'Amazon EventBridge',
  fsx: 'Amazon FSx',
  iam: 'AWS Identity and Access Management',
  kms: 'AWS Key Management Service',
  rds: 'Amazon RDS',
  redshift: 'Amazon Redshift',
  roleback: 'Roleback',
  s3: 'Amazon S3',
  sts: 'AWS Security Token Service',
  tag: 'Amazon Resource Group Tagging API',
}

/** What a policy on everything is about here: services that this server has, or asks for. */
const SERVED = ['backup', 'elasticfilesystem', 'iam', 'rds', 'roleback', 's3', 'sts', 'tag']

export function serviceName(namespace: string): string {
  return NAMES[namespace] ?? namespace
}

/** Namespaces that Allow statements of these policies are about, in order. */
export function grantedServices(policies: readonly CompiledPolicy[]): readonly string[] {
  const found = new Set<string>()
  for (const policy of policies) {
    for (const { statement, isDeny } of policy.statements) {
      if (isDeny) continue
      const { negated, names } = statement.action
      for (const namespace of negated ? servedBut(names) : names.flatMap(servicesOf)) found.add(namespace)
    }
  }
  return [...found].toSorted()
}

/** Whether an Allow statement of the policy is about any action of a service. */
export function grantsService(policy: CompiledPolicy, namespace: string): boolean {
  return policy.statements.some(({ statement, isDeny }) => {
    if (isDeny) return false
    const { negated, names } = statement.action
    if (negated) return !names.some((name) => name === '*' || name.toLowerCase() === `${namespace}:*`)
    return names.some((name) => servicePattern(name).test(namespace))
  })
}

/** Actions that the policies name one by one. */
export function namedActions(policies: readonly CompiledPolicy[], namespace: string): readonly string[] {
  const names = policies
    .flatMap(({ statements }) => statements)
    .filter(({ isDeny, statement }) => !isDeny && !statement.action.negated)
    .flatMap(({ statement }) => statement.action.names)
  return names.filter((name) => name.toLowerCase().startsWith(`${namespace}:`) && !/[*?]/.test(name))
}

function servicesOf(action: string): readonly string[] {
  const namespace = (action.split(':')[0] as string).toLowerCase()
  if (!/[*?]/.test(namespace)) return [namespace]
  return SERVED.filter((one) => servicePattern(action).test(one))
}

function servedBut(names: readonly string[]): readonly string[] {
  return SERVED.filter((one) => !names.some((name) => name === '*' || name.toLowerCase() === `${one}:*`))
}

function servicePattern(action: string): RegExp {
  const glob = (action.split(':')[0] as string).replaceAll(/[^a-zA-Z0-9*?-]/g, '')
  return new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i')
}
