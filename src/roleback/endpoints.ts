import { addressesOf, refusalOfAddresses } from '../egress/addresses.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'

/** Why an endpoint cannot be registered; undefined where nothing speaks against its addresses. */
export async function ownOrForbidden(
  ctx: Context,
  member: string,
  host: string,
  port: number,
  database?: string,
): Promise<string | undefined> {
  const addresses = await addressesOf(host)
  if (addresses.length === 0) {
    throw new InvalidParameterValueException(
      `Connection.${member} "${host}" does not resolve to an address`,
      {
        Context: `Connection.${member}`,
      },
    )
  }
  const { listen, ownEndpoints } = ctx.server
  return await refusalOfAddresses(addresses, port, [listen, ...ownEndpoints], database)
}
