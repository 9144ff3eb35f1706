import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, rmSync } from 'node:fs'
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

test(
  'Terraform applies, plans without drift, changes in place and destroys',
  { skip: missing, timeout: 600_000 },
  async () => {
    await using world = await openWorld()
    const reports = await registerDirectory(world, 'reports', () => undefined)
    const folder = mkdtempSync(join(tmpdir(), 'roleback-terraform-'))
    try {
      cpSync(CONFIGURATION, folder, { recursive: true })
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
            TF_VAR_reports: reports.arn.split('/').at(-1) ?? '',
            CHECKPOINT_DISABLE: '1',
            // The provider's schema is 600 MB of short-lived objects, several times a command.
            GOGC: '400',
          },
        })
      await terraform(
        'init',
        '-input=false',
        `-plugin-dir=${join(dirname(plugin as string), '../../../../..')}`,
      )
      await terraform('apply', '-input=false', '-auto-approve')
      // Ends with 2, and so fails the test, when it finds drift.
      await terraform('plan', '-input=false', '-detailed-exitcode')
      const outputs = JSON.parse(await terraform('output', '-json')) as Record<string, { value: unknown }>
      const { secret_of_the_device: secret, ...read } = Object.fromEntries(
        Object.entries(outputs).map(([name, { value }]) => [name, value]),
      )
      assert.deepEqual(read, OUTPUTS)
      assert.match(String(secret), /^[A-Z2-7]{32,}$/)
      revision = 2
      // Nothing has changed since the plan looked.
      const changed = await terraform('apply', '-input=false', '-auto-approve', '-refresh=false')
      assert.match(changed, /Resources: 0 added, [1-9]\d* changed, 0 destroyed/)
      await terraform('plan', '-input=false', '-detailed-exitcode')
      const role = await makeRole(world, 'keeper', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
      await backUpWell(world, { BackupVaultName: 'full', ResourceArn: reports.arn, IamRoleArn: role })
      await terraform('destroy', '-input=false', '-auto-approve', '-refresh=false')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
