import type { Connection } from '../drivers/driver.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { ResourceTable } from '../store/schema.ts'

/** Opens a registered resource's connection: its settings, and its secret unsealed. Only behind an Allow. */
export function connectionOf(
  serverKey: ServerKey,
  resource: Pick<ResourceTable, 'unique_id' | 'version' | 'settings' | 'secret'>,
): Connection {
  return {
    settings: JSON.parse(resource.settings) as Connection['settings'],
    secret:
      resource.secret === null
        ? undefined
        : serverKey
            .open('connection', `${resource.unique_id} ${resource.version}`, resource.secret)
            .toString(),
  }
}
