import { mkdirSync, realpathSync } from 'node:fs'
import { ConfigError } from '../../config.ts'
import type { Config } from '../../config.ts'
import { overlaps } from '../../roleback/own-places.ts'
import type { Store } from '../../store/store.ts'
import { regionsOfVaults } from '../../store/vaults/vaults.ts'
import { vaultsDirectory } from './first-start.ts'

/**
 * Where the vaults of each region lie, the server's own region first. Directories that are not there yet are made.
 *
 * @throws {ConfigError} Where places overlap, or vaults lie in a region that no option names: their jobs would all fail.
 */
export async function regionRoots(
  config: Config,
  store: Store,
  region: string,
): Promise<ReadonlyMap<string, string>> {
  if (config.regionRoots.has(region)) {
    throw new ConfigError(
      `--region-root names ${region}, the server's own region: its vaults lie in the data directory`,
    )
  }
  const roots = new Map([[region, vaultsDirectory(config.dataDir)]])
  for (const [other, directory] of config.regionRoots) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const root = realpathSync(directory)
    const taken = [realpathSync(config.dataDir), ...roots.values()].find((one) => overlaps(root, one))
    if (taken !== undefined) {
      throw new ConfigError(
        `--region-root ${other}=${directory} overlaps "${taken}": each region needs a directory of its own`,
      )
    }
    roots.set(other, root)
  }
  for (const used of await regionsOfVaults(store.db)) {
    if (roots.has(used)) continue
    throw new ConfigError(
      `Cannot start: backup vaults lie in region ${used}, and nothing says where. Give --region-root ${used}=DIRECTORY`,
    )
  }
  return roots
}

/**
 * Where cold storage in directories lies, by region. Directories that are not there yet are made.
 *
 * @param roots Of the regions' vaults. @throws {ConfigError} Where a region is not served, or a place overlaps another.
 */
export function coldRoots(config: Config, roots: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const cold = new Map<string, string>()
  for (const [region, directory] of config.coldRoots) {
    if (!roots.has(region)) {
      throw new ConfigError(
        `--cold-root names ${region}, which this server does not serve. It serves ${[...roots.keys()].join(', ')}`,
      )
    }
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const root = realpathSync(directory)
    const taken = [realpathSync(config.dataDir), ...roots.values()].find((one) => overlaps(root, one))
    if (taken !== undefined) {
      throw new ConfigError(
        `--cold-root ${region}=${directory} overlaps "${taken}": cold storage is to lie somewhere else than what it is moved from`,
      )
    }
    cold.set(region, root)
  }
  return cold
}
