import { IAMClient } from '@aws-sdk/client-iam'
import { configFor } from './sdk.ts'

// The SDK's own type of a signer has more than the signer that we give needs.
export const iam: IAMClient = new IAMClient(configFor('iam') as never)
