import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { openWorld } from './fixtures/world.ts'
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

test('Terraform applies, plans without drift and destroys', { skip: missing, timeout: 300_000 }, async () => {
  await using world = await openWorld()
  const folder = mkdtempSync(join(tmpdir(), 'roleback-terraform-'))
  try {
    cpSync(CONFIGURATION, folder, { recursive: true })
    const terraform = (verb: string, ...args: string[]): Promise<string> =>
      runTool('terraform', [verb, '-no-color', '-input=false', ...args], {
        cwd: folder,
        timeoutMs: 120_000,
        env: {
          HOME: folder,
          AWS_EC2_METADATA_DISABLED: 'true',
          AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
          AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
          TF_VAR_endpoint: world.url,
          CHECKPOINT_DISABLE: '1',
        },
      })
    await terraform('init', `-plugin-dir=${join(dirname(plugin as string), '../../../../..')}`)
    await terraform('apply', '-auto-approve')
    // Ends with 2, and so fails the test, when it finds drift.
    await terraform('plan', '-detailed-exitcode')
    await terraform('destroy', '-auto-approve')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
