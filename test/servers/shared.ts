import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { startOwnRgw } from './ceph-rgw.ts'
import type { RgwServer } from './ceph-rgw.ts'
import { makeCluster } from './postgres.ts'
import type { Cluster } from './postgres.ts'

/**
 * What takes long to start, once for all test files of a run: `POST /rgw/TENANT/USER` answers with a user of one RADOS gateway, whose
 * buckets are his tenant's own, and `POST /postgres` with the files of a PostgreSQL server to copy and start. Made below `dir` when
 * first asked for; 503 with the reason where it cannot be.
 */
export async function shareServers(dir: string): Promise<{ readonly url: string } & AsyncDisposable> {
  let rgw: Promise<RgwServer> | undefined
  let cluster: Promise<Cluster> | undefined
  const answer = async (path: string): Promise<object> => {
    const [, what, tenant = '', user = ''] = path.split('/')
    if (what === 'postgres') return await (cluster ??= makeCluster(join(dir, 'postgres')))
    rgw ??= startOwnRgw({ dir: join(dir, 'rgw'), memoryBytes: 4 * 2 ** 30 })
    const gateway = await rgw
    return { ...(await gateway.addUser(user, tenant)), endpoint: gateway.endpoint, region: gateway.region }
  }
  const http = createServer((request, response) => {
    answer(request.url ?? '').then(
      (body) => response.end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(503).end(String(error)),
    )
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      http.closeAllConnections()
      http.close()
      await (await rgw?.catch(() => undefined))?.stop()
    },
  }
}
