import { BackupClient } from '@aws-sdk/client-backup'
import { configFor } from './sdk.ts'

// The SDK's own type of a signer has more than the signer that we give needs.
export const backup: BackupClient = new BackupClient(configFor('backup') as never)
