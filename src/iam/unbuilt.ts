import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { anyResource, userOrCallerTarget, userTarget } from './entities.ts'

type Operations =
  | 'AcceptDelegationRequest'
  | 'AddClientIDToOpenIDConnectProvider'
  | 'AssociateDelegationRequest'
  | 'CreateDelegationRequest'
  | 'CreateOpenIDConnectProvider'
  | 'CreateSAMLProvider'
  | 'CreateServiceSpecificCredential'
  | 'DeleteOpenIDConnectProvider'
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
  | 'GenerateServiceLastAccessedDetails'
  | 'GetDelegationRequest'
  | 'GetHumanReadableSummary'
  | 'GetOpenIDConnectProvider'
  | 'GetOrganizationsAccessReport'
  | 'GetOutboundWebIdentityFederationInfo'
  | 'GetSAMLProvider'
  | 'GetSSHPublicKey'
  | 'GetServerCertificate'
  | 'GetServiceLastAccessedDetails'
  | 'GetServiceLastAccessedDetailsWithEntities'
  | 'ListOpenIDConnectProviderTags'
  | 'ListOpenIDConnectProviders'
  | 'ListPoliciesGrantingServiceAccess'
  | 'ListSAMLProviderTags'
  | 'ListServerCertificateTags'
  | 'RejectDelegationRequest'
  | 'RemoveClientIDFromOpenIDConnectProvider'
  | 'ResetServiceSpecificCredential'
  | 'SendDelegationToken'
  | 'SetSecurityTokenServicePreferences'
  | 'TagOpenIDConnectProvider'
  | 'TagSAMLProvider'
  | 'TagServerCertificate'
  | 'UntagOpenIDConnectProvider'
  | 'UntagSAMLProvider'
  | 'UntagServerCertificate'
  | 'UpdateDelegationRequest'
  | 'UpdateOpenIDConnectProviderThumbprint'
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
  AcceptDelegationRequest: { resource: anyResource, unbuilt: true },
  AddClientIDToOpenIDConnectProvider: {
    resource: (_, input) => input.OpenIDConnectProviderArn,
    unbuilt: true,
  },
  AssociateDelegationRequest: { resource: anyResource, unbuilt: true },
  CreateDelegationRequest: { resource: anyResource, unbuilt: true },
  CreateOpenIDConnectProvider: {
    resource: (ctx, input) =>
      `arn:aws:iam::${ctx.accountId}:oidc-provider/${input.Url.replace(/^https?:\/\//, '')}`,
    unbuilt: true,
  },
  CreateSAMLProvider: {
    resource: (ctx, input) => `arn:aws:iam::${ctx.accountId}:saml-provider/${input.Name}`,
    unbuilt: true,
  },
  CreateServiceSpecificCredential: { resource: userTarget, unbuilt: true },
  DeleteOpenIDConnectProvider: { resource: (_, input) => input.OpenIDConnectProviderArn, unbuilt: true },
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
  GenerateServiceLastAccessedDetails: { resource: (_, input) => input.Arn, unbuilt: true },
  GetDelegationRequest: { resource: anyResource, unbuilt: true },
  GetHumanReadableSummary: { resource: anyResource, unbuilt: true },
  GetOpenIDConnectProvider: { resource: (_, input) => input.OpenIDConnectProviderArn, unbuilt: true },
  GetOrganizationsAccessReport: { resource: anyResource, unbuilt: true },
  GetOutboundWebIdentityFederationInfo: { resource: anyResource, unbuilt: true },
  GetSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  GetSSHPublicKey: { resource: userTarget, unbuilt: true },
  GetServerCertificate: { resource: certificate, unbuilt: true },
  GetServiceLastAccessedDetails: { resource: anyResource, unbuilt: true },
  GetServiceLastAccessedDetailsWithEntities: { resource: anyResource, unbuilt: true },
  ListOpenIDConnectProviderTags: { resource: (_, input) => input.OpenIDConnectProviderArn, unbuilt: true },
  ListOpenIDConnectProviders: { resource: anyResource, unbuilt: true },
  ListPoliciesGrantingServiceAccess: { resource: (_, input) => input.Arn, unbuilt: true },
  ListSAMLProviderTags: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  ListServerCertificateTags: { resource: certificate, unbuilt: true },
  RejectDelegationRequest: { resource: anyResource, unbuilt: true },
  RemoveClientIDFromOpenIDConnectProvider: {
    resource: (_, input) => input.OpenIDConnectProviderArn,
    unbuilt: true,
  },
  ResetServiceSpecificCredential: { resource: userOrCallerTarget, unbuilt: true },
  SendDelegationToken: { resource: anyResource, unbuilt: true },
  SetSecurityTokenServicePreferences: { resource: anyResource, unbuilt: true },
  TagOpenIDConnectProvider: { resource: (_, input) => input.OpenIDConnectProviderArn, unbuilt: true },
  TagSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  TagServerCertificate: { resource: certificate, unbuilt: true },
  UntagOpenIDConnectProvider: { resource: (_, input) => input.OpenIDConnectProviderArn, unbuilt: true },
  UntagSAMLProvider: { resource: (_, input) => input.SAMLProviderArn, unbuilt: true },
  UntagServerCertificate: { resource: certificate, unbuilt: true },
  UpdateDelegationRequest: { resource: anyResource, unbuilt: true },
  UpdateOpenIDConnectProviderThumbprint: {
    resource: (_, input) => input.OpenIDConnectProviderArn,
    unbuilt: true,
  },
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
