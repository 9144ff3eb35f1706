import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { backUpWell, makeRole, openWorld, registerDirectory } from './fixtures/world.ts'
import { runTool } from './servers/run-tool.ts'

const CONFIGURATION = join(import.meta.dirname, 'fixtures', 'terraform')
/** Where an aws provider may have been put for machines that reach no registry. */
const PLUGIN_GLOBS = ['/opt/*', '/usr/local/share/terraform/plugins', '/usr/share/terraform/plugins'].map(
  (root) => `${root}/registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws_v*`,
)

const plugin = PLUGIN_GLOBS.flatMap((pattern) => globSync(pattern))[0]
const isInstalled = spawnSync('terraform', ['version'], { stdio: 'ignore' }).status === 0
const missing = isInstalled
  ? plugin === undefined && "no plugin folder with terraform's aws provider was found"
  : 'terraform is not on PATH'

/** What the data sources read, at the first revision of the configuration. */
const OUTPUTS = {
  alias: 'roleback-conformance',
  backup_plan: ['orders', ['nightly']],
  backup_selection: ['listed', ['arn:aws:rds:*:*:db:orders*']],
  backup_vault: 0,
  framework: ['ACTIVE', 'COMPLETED'],
  issuer: 'issuer.example.com/builds',
  key_status: ['Inactive'],
  managed_policy: 'arn:aws:iam::aws:policy/AWSBackupFullAccess',
  operator_may: { 'backup:ListBackupVaults': 'allowed', 'iam:CreateUser': 'implicitDeny' },
  people: ['operator'],
  report_plan: 'COMPLETED',
  service_roles: ['database-backup', 'rds-backup'],
}

/** What the second revision changes, each in place. */
const CHANGED = [
  'aws_backup_framework.house',
  'aws_backup_global_settings.here',
  'aws_backup_logically_air_gapped_vault.away',
  'aws_backup_plan.copied',
  'aws_backup_plan.orders',
  'aws_backup_region_settings.here',
  'aws_backup_report_plan.daily',
  'aws_backup_restore_testing_plan.weekly',
  'aws_backup_restore_testing_selection.orders',
  'aws_backup_restore_testing_selection.tagged',
  'aws_backup_vault.full',
  'aws_backup_vault_policy.orders',
  'aws_iam_access_key.asleep',
  'aws_iam_account_password_policy.strict',
  'aws_iam_group.operators',
  'aws_iam_openid_connect_provider.builds',
  'aws_iam_policy.look',
  'aws_iam_policy.shared',
  'aws_iam_role.files',
  'aws_iam_user.operator',
  'aws_iam_virtual_mfa_device.operator',
].map((address) => `update ${address}`)

/** What was done to each resource, by the lines of `terraform apply -json`, sorted; data sources are only read. */
function applied(lines: string): readonly string[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AppliedLine)
    .flatMap(({ type, hook }) =>
      type === 'apply_complete' && hook !== undefined && hook.action !== 'read'
        ? `${hook.action} ${hook.resource.addr}`
        : [],
    )
    .toSorted()
}

interface AppliedLine {
  readonly type: string
  readonly hook?: { readonly action: string; readonly resource: { readonly addr: string } }
}

test(
  'Terraform applies, plans without drift, changes in place and destroys',
  { skip: missing, timeout: 600_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'roleback-terraform-'))
    const stick = join(folder, 'orders.key')
    writeFileSync(stick, `${Buffer.alloc(32, 7).toString('base64')}\n`, { mode: 0o400 })
    try {
      await using world = await openWorld({ serve: { encryptionKey: [`orders=file:${stick}`] } })
      const reports = await registerDirectory(world, 'reports', () => undefined)
      const { EncryptionKey: key } = await world.call('roleback', 'CreateEncryptionKey', { Name: 'orders' })
      cpSync(CONFIGURATION, folder, { recursive: true })
      // Taken as it is: its 700 MB are else hashed by each command.
      const settings = join(folder, 'settings.tfrc')
      const overrides = `dev_overrides { "hashicorp/aws" = "${dirname(plugin as string)}" }`
      writeFileSync(settings, `provider_installation {\n  ${overrides}\n}\n`)
      let revision = 1
      const terraform = (verb: string, ...args: string[]): Promise<string> =>
        runTool('terraform', [verb, '-no-color', ...args], {
          cwd: folder,
          timeoutMs: 240_000,
          env: {
            HOME: folder,
            AWS_EC2_METADATA_DISABLED: 'true',
            AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
            AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
            TF_VAR_endpoint: world.url,
            TF_VAR_revision: String(revision),
            TF_VAR_key: key.KeyArn,
            TF_VAR_reports: reports.arn.split('/').at(-1) ?? '',
            CHECKPOINT_DISABLE: '1',
            // The provider's schema is 600 MB of short-lived objects, several times a command.
            GOGC: '400',
            TF_CLI_CONFIG_FILE: settings,
          },
        })
      await terraform('get')
      await terraform('apply', '-input=false', '-auto-approve')
      // Ends with 2, and so fails the test, when it finds drift.
      await terraform('plan', '-input=false', '-detailed-exitcode')
      const outputs = JSON.parse(await terraform('output', '-json')) as Record<string, { value: unknown }>
      const { secret_of_the_device: secret, ...read } = Object.fromEntries(
        Object.entries(outputs).map(([name, { value }]) => [name, value]),
      )
      assert.deepEqual(read, OUTPUTS)
      assert.match(String(secret), /^[A-Z2-7]{32,}$/)
      const underKey = await world.call('backup', 'DescribeBackupVault', { BackupVaultName: 'full' })
      assert.deepEqual(
        [underKey.EncryptionKeyArn, underKey.EncryptionKeyType],
        [key.KeyArn, 'CUSTOMER_MANAGED_KMS_KEY'],
      )
      revision = 2
      // Nothing has changed since the plan looked.
      const told = await terraform('apply', '-input=false', '-auto-approve', '-refresh=false', '-json')
      assert.deepEqual(applied(told), CHANGED)
      await terraform('plan', '-input=false', '-detailed-exitcode')
      const role = await makeRole(world, 'keeper', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
      await backUpWell(world, { BackupVaultName: 'full', ResourceArn: reports.arn, IamRoleArn: role })
      await terraform('destroy', '-input=false', '-auto-approve', '-refresh=false')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
