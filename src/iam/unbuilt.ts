import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { anyResource, userOrCallerTarget, userTarget } from './entities.ts'

type Operations =
  | 'AcceptDelegationRequest'
  | 'AssociateDelegationRequest'
  | 'CreateDelegationRequest'
  | 'CreateSAMLProvider'
  | 'CreateServiceSpecificCredential'
  | 'DeleteSAMLProvider'
  | 'DeleteSSHPublicKey'
  | 'DeleteServerCertificate'
  | 'DeleteServiceSpecificCredential'
  | 'DeleteSigningCertificate'
  | 'DisableOrganizationsRootCredentialsManagement'
  | 'DisableOrganizationsRootSessions'
  | 'DisableOutboundWebIdentityFederation'
  | 'EnableOrganizationsRootCredentialsManagement'
  | 'EnableOrganizationsRootSessions'
  | 'EnableOutboundWebIdentityFederation'
  | 'GenerateOrganizationsAccessReport'
  | 'GetDelegationRequest'
  | 'GetHumanReadableSummary'
  | 'GetOrganizationsAccessReport'
  | 'GetOutboundWebIdentityFederationInfo'
  | 'GetSAMLProvider'
  | 'GetSSHPublicKey'
  | 'GetServerCertificate'
  | 'ListSAMLProviderTags'
  | 'ListServerCertificateTags'
  | 'RejectDelegationRequest'
  | 'ResetServiceSpecificCredential'
  | 'SendDelegationToken'
  | 'SetSecurityTokenServicePreferences'
  | 'TagSAMLProvider'
  | 'TagServerCertificate'
  | 'UntagSAMLProvider'
  | 'UntagServerCertificate'
  | 'UpdateDelegationRequest'
  | 'UpdateSAMLProvider'
  | 'UpdateSSHPublicKey'
  | 'UpdateServerCertificate'
  | 'UpdateServiceSpecificCredential'
  | 'UpdateSigningCertificate'
  | 'UploadSSHPublicKey'
  | 'UploadServerCertificate'
  | 'UploadSigningCertificate'

/** Operations of AWS's model that are authorised like all others, and then answered with InvalidAction. */
export const unbuilt: Pick<Service<IamApi, Context>, Operations> = {
  AcceptDelegationRequest: { resource: delegationRequest, unbuilt: true },
  AssociateDelegationRequest: { resource: delegationRequest, unbuilt: true },
  CreateDelegationRequest: { resource: anyResource, unbuilt: true },
  CreateSAMLProvider: {
    resource: (ctx, input) => `arn:aws:iam::${ctx.accountId}:saml-provider/${input.Name}`,
    unbuilt: true,
  },
  CreateServiceSpecificCredential: { resource: userTarget, unbuilt: true },
  DeleteSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  DeleteSSHPublicKey: { resource: userTarget, unbuilt: true },
  DeleteServerCertificate: { resource: certificate, unbuilt: true },
  DeleteServiceSpecificCredential: { resource: userOrCallerTarget, unbuilt: true },
  DeleteSigningCertificate: { resource: userOrCallerTarget, unbuilt: true },
  DisableOrganizationsRootCredentialsManagement: { resource: anyResource, unbuilt: true },
  DisableOrganizationsRootSessions: { resource: anyResource, unbuilt: true },
  DisableOutboundWebIdentityFederation: { resource: anyResource, unbuilt: true },
  EnableOrganizationsRootCredentialsManagement: { resource: anyResource, unbuilt: true },
  EnableOrganizationsRootSessions: { resource: anyResource, unbuilt: true },
  EnableOutboundWebIdentityFederation: { resource: anyResource, unbuilt: true },
  GenerateOrganizationsAccessReport: { resource: anyResource, unbuilt: true },
  GetDelegationRequest: { resource: delegationRequest, unbuilt: true },
  GetHumanReadableSummary: { resource: (_, input) => input.EntityArn, unbuilt: true },
  GetOrganizationsAccessReport: { resource: anyResource, unbuilt: true },
  GetOutboundWebIdentityFederationInfo: { resource: anyResource, unbuilt: true },
  GetSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  GetSSHPublicKey: { resource: userTarget, unbuilt: true },
  GetServerCertificate: { resource: certificate, unbuilt: true },
  ListSAMLProviderTags: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  ListServerCertificateTags: { resource: certificate, unbuilt: true },
  RejectDelegationRequest: { resource: delegationRequest, unbuilt: true },
  ResetServiceSpecificCredential: { resource: userOrCallerTarget, unbuilt: true },
  SendDelegationToken: { resource: delegationRequest, unbuilt: true },
  SetSecurityTokenServicePreferences: { resource: anyResource, unbuilt: true },
  TagSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  TagServerCertificate: { resource: certificate, unbuilt: true },
  UntagSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  UntagServerCertificate: { resource: certificate, unbuilt: true },
  UpdateDelegationRequest: { resource: delegationRequest, unbuilt: true },
  UpdateSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  UpdateSSHPublicKey: { resource: userTarget, unbuilt: true },
  UpdateServerCertificate: { resource: certificate, unbuilt: true },
  UpdateServiceSpecificCredential: { resource: userOrCallerTarget, unbuilt: true },
  UpdateSigningCertificate: { resource: userOrCallerTarget, unbuilt: true },
  UploadSSHPublicKey: { resource: userTarget, unbuilt: true },
  UploadServerCertificate: { resource: certificate, unbuilt: true },
  UploadSigningCertificate: { resource: userOrCallerTarget, unbuilt: true },
}

function certificate(ctx: Context, input: { readonly ServerCertificateName: string }): string {
  return `arn:aws:iam::${ctx.accountId}:server-certificate/${input.ServerCertificateName}`
}

function delegationRequest(ctx: Context, input: { readonly DelegationRequestId: string }): string {
  return `arn:aws:iam::${ctx.accountId}:delegation-request/${input.DelegationRequestId}`
}
