import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { isSignedBy } from '../../keyring/identity-signature.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { readIdentityManifest } from '../../vault/points/identity-exports.ts'
import type { IdentityExportName, IdentityManifest } from '../../vault/points/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'

/**
 * The manifest of an export that is signed by one of `signers` (base64); undefined, and a word to `told`, where it is not, or cannot be
 * read. Who can write to the storage can put anything there.
 */
export async function believedManifest(
  { store, keys }: Vault,
  name: IdentityExportName,
  signers: readonly string[],
  told: (problem: string) => void,
): Promise<IdentityManifest | undefined> {
  try {
    const { manifest, text, signature } = await readIdentityManifest(store, keys, name)
    if (signers.includes(manifest.signer) && isSignedBy(manifest.signer, text, signature)) return manifest
    told(
      `identity export ${name.folder} is not signed by a server that is believed: it may have been planted`,
    )
  } catch (error) {
    if (!(error instanceof VaultDamageError || error instanceof BlobNotFoundError)) throw error
    told(`identity export ${name.folder} cannot be read: ${error.message}`)
  }
  return undefined
}
