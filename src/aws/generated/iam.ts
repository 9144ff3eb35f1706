// Made by tools/generate.ts from models/iam.json. Do not edit.

import { AwsError } from '../error.ts'

export interface AcceptDelegationRequestRequest {
  readonly DelegationRequestId: string
}

export interface AccessDetail {
  readonly ServiceName: string
  readonly ServiceNamespace: string
  readonly Region?: string | undefined
  readonly EntityPath?: string | undefined
  readonly LastAuthenticatedTime?: Date | undefined
  readonly TotalAuthenticatedEntities?: number | undefined
}

export interface AccessKey {
  readonly UserName: string
  readonly AccessKeyId: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly SecretAccessKey: string
  readonly CreateDate?: Date | undefined
}

export interface AccessKeyLastUsed {
  readonly LastUsedDate?: Date | undefined
  readonly ServiceName: string
  readonly Region: string
}

export interface AccessKeyMetadata {
  readonly UserName?: string | undefined
  readonly AccessKeyId?: string | undefined
  readonly Status?: "Active" | "Inactive" | "Expired" | undefined
  readonly CreateDate?: Date | undefined
}

export interface AddClientIDToOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
  readonly ClientID: string
}

export interface AddRoleToInstanceProfileRequest {
  readonly InstanceProfileName: string
  readonly RoleName: string
}

export interface AddUserToGroupRequest {
  readonly GroupName: string
  readonly UserName: string
}

export interface AssociateDelegationRequestRequest {
  readonly DelegationRequestId: string
}

export interface AttachGroupPolicyRequest {
  readonly GroupName: string
  readonly PolicyArn: string
}

export interface AttachRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyArn: string
}

export interface AttachUserPolicyRequest {
  readonly UserName: string
  readonly PolicyArn: string
}

export interface AttachedPermissionsBoundary {
  readonly PermissionsBoundaryType?: "PermissionsBoundaryPolicy" | undefined
  readonly PermissionsBoundaryArn?: string | undefined
}

export interface AttachedPolicy {
  readonly PolicyName?: string | undefined
  readonly PolicyArn?: string | undefined
}

export interface ChangePasswordRequest {
  readonly OldPassword: string
  readonly NewPassword: string
}

export interface ContextEntry {
  readonly ContextKeyName?: string | undefined
  readonly ContextKeyValues?: readonly string[] | undefined
  readonly ContextKeyType?: "string" | "stringList" | "numeric" | "numericList" | "boolean" | "booleanList" | "ip" | "ipList" | "binary" | "binaryList" | "date" | "dateList" | undefined
}

export interface CreateAccessKeyRequest {
  readonly UserName?: string | undefined
}

export interface CreateAccessKeyResponse {
  readonly AccessKey: AccessKey
}

export interface CreateAccountAliasRequest {
  readonly AccountAlias: string
}

export interface CreateDelegationRequestRequest {
  readonly OwnerAccountId?: string | undefined
  readonly Description: string
  readonly Permissions: DelegationPermission
  readonly RequestMessage?: string | undefined
  readonly RequestorWorkflowId: string
  readonly RedirectUrl?: string | undefined
  readonly NotificationChannel: string
  readonly SessionDuration: number
  readonly OnlySendByOwner?: boolean | undefined
}

export interface CreateDelegationRequestResponse {
  readonly ConsoleDeepLink?: string | undefined
  readonly DelegationRequestId?: string | undefined
}

export interface CreateGroupRequest {
  readonly Path?: string | undefined
  readonly GroupName: string
}

export interface CreateGroupResponse {
  readonly Group: Group
}

export interface CreateInstanceProfileRequest {
  readonly InstanceProfileName: string
  readonly Path?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateInstanceProfileResponse {
  readonly InstanceProfile: InstanceProfile
}

export interface CreateLoginProfileRequest {
  readonly UserName?: string | undefined
  readonly Password?: string | undefined
  readonly PasswordResetRequired?: boolean | undefined
}

export interface CreateLoginProfileResponse {
  readonly LoginProfile: LoginProfile
}

export interface CreateOpenIDConnectProviderRequest {
  readonly Url: string
  readonly ClientIDList?: readonly string[] | undefined
  readonly ThumbprintList?: readonly string[] | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateOpenIDConnectProviderResponse {
  readonly OpenIDConnectProviderArn?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreatePolicyRequest {
  readonly PolicyName: string
  readonly Path?: string | undefined
  readonly PolicyDocument: string
  readonly Description?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreatePolicyResponse {
  readonly Policy?: Policy | undefined
}

export interface CreatePolicyVersionRequest {
  readonly PolicyArn: string
  readonly PolicyDocument: string
  readonly SetAsDefault?: boolean | undefined
}

export interface CreatePolicyVersionResponse {
  readonly PolicyVersion?: PolicyVersion | undefined
}

export interface CreateRoleRequest {
  readonly Path?: string | undefined
  readonly RoleName: string
  readonly AssumeRolePolicyDocument: string
  readonly Description?: string | undefined
  readonly MaxSessionDuration?: number | undefined
  readonly PermissionsBoundary?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateRoleResponse {
  readonly Role: Role
}

export interface CreateSAMLProviderRequest {
  readonly SAMLMetadataDocument: string
  readonly Name: string
  readonly Tags?: readonly Tag[] | undefined
  readonly AssertionEncryptionMode?: "Required" | "Allowed" | undefined
  readonly AddPrivateKey?: string | undefined
}

export interface CreateSAMLProviderResponse {
  readonly SAMLProviderArn?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateServiceLinkedRoleRequest {
  readonly AWSServiceName: string
  readonly Description?: string | undefined
  readonly CustomSuffix?: string | undefined
}

export interface CreateServiceLinkedRoleResponse {
  readonly Role?: Role | undefined
}

export interface CreateServiceSpecificCredentialRequest {
  readonly UserName: string
  readonly ServiceName: string
  readonly CredentialAgeDays?: number | undefined
}

export interface CreateServiceSpecificCredentialResponse {
  readonly ServiceSpecificCredential?: ServiceSpecificCredential | undefined
}

export interface CreateUserRequest {
  readonly Path?: string | undefined
  readonly UserName: string
  readonly PermissionsBoundary?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateUserResponse {
  readonly User?: User | undefined
}

export interface CreateVirtualMFADeviceRequest {
  readonly Path?: string | undefined
  readonly VirtualMFADeviceName: string
  readonly Tags?: readonly Tag[] | undefined
}

export interface CreateVirtualMFADeviceResponse {
  readonly VirtualMFADevice: VirtualMFADevice
}

export interface DeactivateMFADeviceRequest {
  readonly UserName?: string | undefined
  readonly SerialNumber: string
}

export interface DelegationPermission {
  readonly PolicyTemplateArn?: string | undefined
  readonly Parameters?: readonly PolicyParameter[] | undefined
}

export interface DelegationRequest {
  readonly DelegationRequestId?: string | undefined
  readonly OwnerAccountId?: string | undefined
  readonly Description?: string | undefined
  readonly RequestMessage?: string | undefined
  readonly Permissions?: DelegationPermission | undefined
  readonly PermissionPolicy?: string | undefined
  readonly RolePermissionRestrictionArns?: readonly string[] | undefined
  readonly OwnerId?: string | undefined
  readonly ApproverId?: string | undefined
  readonly State?: "UNASSIGNED" | "ASSIGNED" | "PENDING_APPROVAL" | "FINALIZED" | "ACCEPTED" | "REJECTED" | "EXPIRED" | undefined
  readonly ExpirationTime?: Date | undefined
  readonly RequestorId?: string | undefined
  readonly RequestorName?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly SessionDuration?: number | undefined
  readonly RedirectUrl?: string | undefined
  readonly Notes?: string | undefined
  readonly RejectionReason?: string | undefined
  readonly OnlySendByOwner?: boolean | undefined
  readonly UpdatedTime?: Date | undefined
}

export interface DeleteAccessKeyRequest {
  readonly UserName?: string | undefined
  readonly AccessKeyId: string
}

export interface DeleteAccountAliasRequest {
  readonly AccountAlias: string
}

export interface DeleteGroupPolicyRequest {
  readonly GroupName: string
  readonly PolicyName: string
}

export interface DeleteGroupRequest {
  readonly GroupName: string
}

export interface DeleteInstanceProfileRequest {
  readonly InstanceProfileName: string
}

export interface DeleteLoginProfileRequest {
  readonly UserName?: string | undefined
}

export interface DeleteOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
}

export interface DeletePolicyRequest {
  readonly PolicyArn: string
}

export interface DeletePolicyVersionRequest {
  readonly PolicyArn: string
  readonly VersionId: string
}

export interface DeleteRolePermissionsBoundaryRequest {
  readonly RoleName: string
}

export interface DeleteRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyName: string
}

export interface DeleteRoleRequest {
  readonly RoleName: string
}

export interface DeleteSAMLProviderRequest {
  readonly SAMLProviderArn: string
}

export interface DeleteSSHPublicKeyRequest {
  readonly UserName: string
  readonly SSHPublicKeyId: string
}

export interface DeleteServerCertificateRequest {
  readonly ServerCertificateName: string
}

export interface DeleteServiceLinkedRoleRequest {
  readonly RoleName: string
}

export interface DeleteServiceLinkedRoleResponse {
  readonly DeletionTaskId: string
}

export interface DeleteServiceSpecificCredentialRequest {
  readonly UserName?: string | undefined
  readonly ServiceSpecificCredentialId: string
}

export interface DeleteSigningCertificateRequest {
  readonly UserName?: string | undefined
  readonly CertificateId: string
}

export interface DeleteUserPermissionsBoundaryRequest {
  readonly UserName: string
}

export interface DeleteUserPolicyRequest {
  readonly UserName: string
  readonly PolicyName: string
}

export interface DeleteUserRequest {
  readonly UserName: string
}

export interface DeleteVirtualMFADeviceRequest {
  readonly SerialNumber: string
}

export interface DeletionTaskFailureReasonType {
  readonly Reason?: string | undefined
  readonly RoleUsageList?: readonly RoleUsageType[] | undefined
}

export interface DetachGroupPolicyRequest {
  readonly GroupName: string
  readonly PolicyArn: string
}

export interface DetachRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyArn: string
}

export interface DetachUserPolicyRequest {
  readonly UserName: string
  readonly PolicyArn: string
}

export type DisableOrganizationsRootCredentialsManagementRequest = Readonly<Record<never, never>>

export interface DisableOrganizationsRootCredentialsManagementResponse {
  readonly OrganizationId?: string | undefined
  readonly EnabledFeatures?: readonly ("RootCredentialsManagement" | "RootSessions")[] | undefined
}

export type DisableOrganizationsRootSessionsRequest = Readonly<Record<never, never>>

export interface DisableOrganizationsRootSessionsResponse {
  readonly OrganizationId?: string | undefined
  readonly EnabledFeatures?: readonly ("RootCredentialsManagement" | "RootSessions")[] | undefined
}

export interface EnableMFADeviceRequest {
  readonly UserName: string
  readonly SerialNumber: string
  readonly AuthenticationCode1: string
  readonly AuthenticationCode2: string
}

export type EnableOrganizationsRootCredentialsManagementRequest = Readonly<Record<never, never>>

export interface EnableOrganizationsRootCredentialsManagementResponse {
  readonly OrganizationId?: string | undefined
  readonly EnabledFeatures?: readonly ("RootCredentialsManagement" | "RootSessions")[] | undefined
}

export type EnableOrganizationsRootSessionsRequest = Readonly<Record<never, never>>

export interface EnableOrganizationsRootSessionsResponse {
  readonly OrganizationId?: string | undefined
  readonly EnabledFeatures?: readonly ("RootCredentialsManagement" | "RootSessions")[] | undefined
}

export interface EnableOutboundWebIdentityFederationResponse {
  readonly IssuerIdentifier?: string | undefined
}

export interface EntityDetails {
  readonly EntityInfo: EntityInfo
  readonly LastAuthenticated?: Date | undefined
}

export interface EntityInfo {
  readonly Arn: string
  readonly Name: string
  readonly Type: "USER" | "ROLE" | "GROUP"
  readonly Id: string
  readonly Path?: string | undefined
}

export interface ErrorDetails {
  readonly Message: string
  readonly Code: string
}

export interface EvaluationResult {
  readonly EvalActionName: string
  readonly EvalResourceName?: string | undefined
  readonly EvalDecision: "allowed" | "explicitDeny" | "implicitDeny"
  readonly MatchedStatements?: readonly Statement[] | undefined
  readonly MissingContextValues?: readonly string[] | undefined
  readonly OrganizationsDecisionDetail?: OrganizationsDecisionDetail | undefined
  readonly PermissionsBoundaryDecisionDetail?: PermissionsBoundaryDecisionDetail | undefined
  readonly EvalDecisionDetails?: Readonly<Record<string, "allowed" | "explicitDeny" | "implicitDeny">> | undefined
  readonly ResourceSpecificResults?: readonly ResourceSpecificResult[] | undefined
}

export interface GenerateCredentialReportResponse {
  readonly State?: "STARTED" | "INPROGRESS" | "COMPLETE" | undefined
  readonly Description?: string | undefined
}

export interface GenerateOrganizationsAccessReportRequest {
  readonly EntityPath: string
  readonly OrganizationsPolicyId?: string | undefined
}

export interface GenerateOrganizationsAccessReportResponse {
  readonly JobId?: string | undefined
}

export interface GenerateServiceLastAccessedDetailsRequest {
  readonly Arn: string
  readonly Granularity?: "SERVICE_LEVEL" | "ACTION_LEVEL" | undefined
}

export interface GenerateServiceLastAccessedDetailsResponse {
  readonly JobId?: string | undefined
}

export interface GetAccessKeyLastUsedRequest {
  readonly AccessKeyId: string
}

export interface GetAccessKeyLastUsedResponse {
  readonly UserName?: string | undefined
  readonly AccessKeyLastUsed?: AccessKeyLastUsed | undefined
}

export interface GetAccountAuthorizationDetailsRequest {
  readonly Filter?: readonly ("User" | "Role" | "Group" | "LocalManagedPolicy" | "AWSManagedPolicy")[] | undefined
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

export interface GetAccountAuthorizationDetailsResponse {
  readonly UserDetailList?: readonly UserDetail[] | undefined
  readonly GroupDetailList?: readonly GroupDetail[] | undefined
  readonly RoleDetailList?: readonly RoleDetail[] | undefined
  readonly Policies?: readonly ManagedPolicyDetail[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface GetAccountPasswordPolicyResponse {
  readonly PasswordPolicy: PasswordPolicy
}

export interface GetAccountSummaryResponse {
  readonly SummaryMap?: Readonly<Record<string, number>> | undefined
}

export interface GetContextKeysForCustomPolicyRequest {
  readonly PolicyInputList: readonly string[]
}

export interface GetContextKeysForPolicyResponse {
  readonly ContextKeyNames?: readonly string[] | undefined
}

export interface GetContextKeysForPrincipalPolicyRequest {
  readonly PolicySourceArn: string
  readonly PolicyInputList?: readonly string[] | undefined
}

export interface GetCredentialReportResponse {
  readonly Content?: Uint8Array | undefined
  readonly ReportFormat?: "text/csv" | undefined
  readonly GeneratedTime?: Date | undefined
}

export interface GetDelegationRequestRequest {
  readonly DelegationRequestId: string
  readonly DelegationPermissionCheck?: boolean | undefined
}

export interface GetDelegationRequestResponse {
  readonly DelegationRequest?: DelegationRequest | undefined
  readonly PermissionCheckStatus?: "COMPLETE" | "IN_PROGRESS" | "FAILED" | undefined
  readonly PermissionCheckResult?: "ALLOWED" | "DENIED" | "UNSURE" | undefined
}

export interface GetGroupPolicyRequest {
  readonly GroupName: string
  readonly PolicyName: string
}

export interface GetGroupPolicyResponse {
  readonly GroupName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface GetGroupRequest {
  readonly GroupName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface GetGroupResponse {
  readonly Group: Group
  readonly Users: readonly User[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface GetHumanReadableSummaryRequest {
  readonly EntityArn: string
  readonly Locale?: string | undefined
}

export interface GetHumanReadableSummaryResponse {
  readonly SummaryContent?: string | undefined
  readonly Locale?: string | undefined
  readonly SummaryState?: "AVAILABLE" | "NOT_AVAILABLE" | "NOT_SUPPORTED" | "FAILED" | undefined
}

export interface GetInstanceProfileRequest {
  readonly InstanceProfileName: string
}

export interface GetInstanceProfileResponse {
  readonly InstanceProfile: InstanceProfile
}

export interface GetLoginProfileRequest {
  readonly UserName?: string | undefined
}

export interface GetLoginProfileResponse {
  readonly LoginProfile: LoginProfile
}

export interface GetMFADeviceRequest {
  readonly SerialNumber: string
  readonly UserName?: string | undefined
}

export interface GetMFADeviceResponse {
  readonly UserName?: string | undefined
  readonly SerialNumber: string
  readonly EnableDate?: Date | undefined
  readonly Certifications?: Readonly<Record<string, string>> | undefined
}

export interface GetOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
}

export interface GetOpenIDConnectProviderResponse {
  readonly Url?: string | undefined
  readonly ClientIDList?: readonly string[] | undefined
  readonly ThumbprintList?: readonly string[] | undefined
  readonly CreateDate?: Date | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface GetOrganizationsAccessReportRequest {
  readonly JobId: string
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
  readonly SortKey?: "SERVICE_NAMESPACE_ASCENDING" | "SERVICE_NAMESPACE_DESCENDING" | "LAST_AUTHENTICATED_TIME_ASCENDING" | "LAST_AUTHENTICATED_TIME_DESCENDING" | undefined
}

export interface GetOrganizationsAccessReportResponse {
  readonly JobStatus: "IN_PROGRESS" | "COMPLETED" | "FAILED"
  readonly JobCreationDate: Date
  readonly JobCompletionDate?: Date | undefined
  readonly NumberOfServicesAccessible?: number | undefined
  readonly NumberOfServicesNotAccessed?: number | undefined
  readonly AccessDetails?: readonly AccessDetail[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
  readonly ErrorDetails?: ErrorDetails | undefined
}

export interface GetOutboundWebIdentityFederationInfoResponse {
  readonly IssuerIdentifier?: string | undefined
  readonly JwtVendingEnabled?: boolean | undefined
}

export interface GetPolicyRequest {
  readonly PolicyArn: string
}

export interface GetPolicyResponse {
  readonly Policy?: Policy | undefined
}

export interface GetPolicyVersionRequest {
  readonly PolicyArn: string
  readonly VersionId: string
}

export interface GetPolicyVersionResponse {
  readonly PolicyVersion?: PolicyVersion | undefined
}

export interface GetRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyName: string
}

export interface GetRolePolicyResponse {
  readonly RoleName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface GetRoleRequest {
  readonly RoleName: string
}

export interface GetRoleResponse {
  readonly Role: Role
}

export interface GetSAMLProviderRequest {
  readonly SAMLProviderArn: string
}

export interface GetSAMLProviderResponse {
  readonly SAMLProviderUUID?: string | undefined
  readonly SAMLMetadataDocument?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly ValidUntil?: Date | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly AssertionEncryptionMode?: "Required" | "Allowed" | undefined
  readonly PrivateKeyList?: readonly SAMLPrivateKey[] | undefined
}

export interface GetSSHPublicKeyRequest {
  readonly UserName: string
  readonly SSHPublicKeyId: string
  readonly Encoding: "SSH" | "PEM"
}

export interface GetSSHPublicKeyResponse {
  readonly SSHPublicKey?: SSHPublicKey | undefined
}

export interface GetServerCertificateRequest {
  readonly ServerCertificateName: string
}

export interface GetServerCertificateResponse {
  readonly ServerCertificate: ServerCertificate
}

export interface GetServiceLastAccessedDetailsRequest {
  readonly JobId: string
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

export interface GetServiceLastAccessedDetailsResponse {
  readonly JobStatus: "IN_PROGRESS" | "COMPLETED" | "FAILED"
  readonly JobType?: "SERVICE_LEVEL" | "ACTION_LEVEL" | undefined
  readonly JobCreationDate: Date
  readonly ServicesLastAccessed: readonly ServiceLastAccessed[]
  readonly JobCompletionDate: Date
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
  readonly Error?: ErrorDetails | undefined
}

export interface GetServiceLastAccessedDetailsWithEntitiesRequest {
  readonly JobId: string
  readonly ServiceNamespace: string
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

export interface GetServiceLastAccessedDetailsWithEntitiesResponse {
  readonly JobStatus: "IN_PROGRESS" | "COMPLETED" | "FAILED"
  readonly JobCreationDate: Date
  readonly JobCompletionDate: Date
  readonly EntityDetailsList: readonly EntityDetails[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
  readonly Error?: ErrorDetails | undefined
}

export interface GetServiceLinkedRoleDeletionStatusRequest {
  readonly DeletionTaskId: string
}

export interface GetServiceLinkedRoleDeletionStatusResponse {
  readonly Status: "SUCCEEDED" | "IN_PROGRESS" | "FAILED" | "NOT_STARTED"
  readonly Reason?: DeletionTaskFailureReasonType | undefined
}

export interface GetUserPolicyRequest {
  readonly UserName: string
  readonly PolicyName: string
}

export interface GetUserPolicyResponse {
  readonly UserName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface GetUserRequest {
  readonly UserName?: string | undefined
}

export interface GetUserResponse {
  readonly User: User
}

export interface Group {
  readonly Path: string
  readonly GroupName: string
  readonly GroupId: string
  readonly Arn: string
  readonly CreateDate: Date
}

export interface GroupDetail {
  readonly Path?: string | undefined
  readonly GroupName?: string | undefined
  readonly GroupId?: string | undefined
  readonly Arn?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly GroupPolicyList?: readonly PolicyDetail[] | undefined
  readonly AttachedManagedPolicies?: readonly AttachedPolicy[] | undefined
}

export interface InlinePolicyIdentifierType {
  readonly PolicyName: string
  readonly AttachmentType: "user" | "group" | "role"
  readonly AttachmentName: string
}

export interface InstanceProfile {
  readonly Path: string
  readonly InstanceProfileName: string
  readonly InstanceProfileId: string
  readonly Arn: string
  readonly CreateDate: Date
  readonly Roles: readonly Role[]
  readonly Tags?: readonly Tag[] | undefined
}

export interface ListAccessKeysRequest {
  readonly UserName?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListAccessKeysResponse {
  readonly AccessKeyMetadata: readonly AccessKeyMetadata[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListAccountAliasesRequest {
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListAccountAliasesResponse {
  readonly AccountAliases: readonly string[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListAttachedGroupPoliciesRequest {
  readonly GroupName: string
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListAttachedGroupPoliciesResponse {
  readonly AttachedPolicies?: readonly AttachedPolicy[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListAttachedRolePoliciesRequest {
  readonly RoleName: string
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListAttachedRolePoliciesResponse {
  readonly AttachedPolicies?: readonly AttachedPolicy[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListAttachedUserPoliciesRequest {
  readonly UserName: string
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListAttachedUserPoliciesResponse {
  readonly AttachedPolicies?: readonly AttachedPolicy[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListDelegationRequestsRequest {
  readonly OwnerId?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListDelegationRequestsResponse {
  readonly DelegationRequests?: readonly DelegationRequest[] | undefined
  readonly Marker?: string | undefined
  readonly isTruncated?: boolean | undefined
}

export interface ListEntitiesForPolicyRequest {
  readonly PolicyArn: string
  readonly EntityFilter?: "User" | "Role" | "Group" | "LocalManagedPolicy" | "AWSManagedPolicy" | undefined
  readonly PathPrefix?: string | undefined
  readonly PolicyUsageFilter?: "PermissionsPolicy" | "PermissionsBoundary" | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListEntitiesForPolicyResponse {
  readonly PolicyGroups?: readonly PolicyGroup[] | undefined
  readonly PolicyUsers?: readonly PolicyUser[] | undefined
  readonly PolicyRoles?: readonly PolicyRole[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListGroupPoliciesRequest {
  readonly GroupName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListGroupPoliciesResponse {
  readonly PolicyNames: readonly string[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListGroupsForUserRequest {
  readonly UserName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListGroupsForUserResponse {
  readonly Groups: readonly Group[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListGroupsRequest {
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListGroupsResponse {
  readonly Groups: readonly Group[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListInstanceProfileTagsRequest {
  readonly InstanceProfileName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListInstanceProfileTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListInstanceProfilesForRoleRequest {
  readonly RoleName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListInstanceProfilesForRoleResponse {
  readonly InstanceProfiles: readonly InstanceProfile[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListInstanceProfilesRequest {
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListInstanceProfilesResponse {
  readonly InstanceProfiles: readonly InstanceProfile[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListMFADeviceTagsRequest {
  readonly SerialNumber: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListMFADeviceTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListMFADevicesRequest {
  readonly UserName?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListMFADevicesResponse {
  readonly MFADevices: readonly MFADevice[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListOpenIDConnectProviderTagsRequest {
  readonly OpenIDConnectProviderArn: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListOpenIDConnectProviderTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export type ListOpenIDConnectProvidersRequest = Readonly<Record<never, never>>

export interface ListOpenIDConnectProvidersResponse {
  readonly OpenIDConnectProviderList?: readonly OpenIDConnectProviderListEntry[] | undefined
}

export type ListOrganizationsFeaturesRequest = Readonly<Record<never, never>>

export interface ListOrganizationsFeaturesResponse {
  readonly OrganizationId?: string | undefined
  readonly EnabledFeatures?: readonly ("RootCredentialsManagement" | "RootSessions")[] | undefined
}

export interface ListPoliciesGrantingServiceAccessEntry {
  readonly ServiceNamespace?: string | undefined
  readonly Policies?: readonly PolicyGrantingServiceAccess[] | undefined
}

export interface ListPoliciesGrantingServiceAccessRequest {
  readonly Marker?: string | undefined
  readonly Arn: string
  readonly ServiceNamespaces: readonly string[]
}

export interface ListPoliciesGrantingServiceAccessResponse {
  readonly PoliciesGrantingServiceAccess: readonly ListPoliciesGrantingServiceAccessEntry[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListPoliciesRequest {
  readonly Scope?: "All" | "AWS" | "Local" | undefined
  readonly OnlyAttached?: boolean | undefined
  readonly PathPrefix?: string | undefined
  readonly PolicyUsageFilter?: "PermissionsPolicy" | "PermissionsBoundary" | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListPoliciesResponse {
  readonly Policies?: readonly Policy[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListPolicyTagsRequest {
  readonly PolicyArn: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListPolicyTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListPolicyVersionsRequest {
  readonly PolicyArn: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListPolicyVersionsResponse {
  readonly Versions?: readonly PolicyVersion[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListRolePoliciesRequest {
  readonly RoleName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListRolePoliciesResponse {
  readonly PolicyNames: readonly string[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListRoleTagsRequest {
  readonly RoleName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListRoleTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListRolesRequest {
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListRolesResponse {
  readonly Roles: readonly Role[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListSAMLProviderTagsRequest {
  readonly SAMLProviderArn: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListSAMLProviderTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export type ListSAMLProvidersRequest = Readonly<Record<never, never>>

export interface ListSAMLProvidersResponse {
  readonly SAMLProviderList?: readonly SAMLProviderListEntry[] | undefined
}

export interface ListSSHPublicKeysRequest {
  readonly UserName?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListSSHPublicKeysResponse {
  readonly SSHPublicKeys?: readonly SSHPublicKeyMetadata[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListServerCertificateTagsRequest {
  readonly ServerCertificateName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListServerCertificateTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListServerCertificatesRequest {
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListServerCertificatesResponse {
  readonly ServerCertificateMetadataList: readonly ServerCertificateMetadata[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListServiceSpecificCredentialsRequest {
  readonly UserName?: string | undefined
  readonly ServiceName?: string | undefined
  readonly AllUsers?: boolean | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListServiceSpecificCredentialsResponse {
  readonly ServiceSpecificCredentials?: readonly ServiceSpecificCredentialMetadata[] | undefined
  readonly Marker?: string | undefined
  readonly IsTruncated?: boolean | undefined
}

export interface ListSigningCertificatesRequest {
  readonly UserName?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListSigningCertificatesResponse {
  readonly Certificates: readonly SigningCertificate[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListUserPoliciesRequest {
  readonly UserName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListUserPoliciesResponse {
  readonly PolicyNames: readonly string[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListUserTagsRequest {
  readonly UserName: string
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListUserTagsResponse {
  readonly Tags: readonly Tag[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListUsersRequest {
  readonly PathPrefix?: string | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListUsersResponse {
  readonly Users: readonly User[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface ListVirtualMFADevicesRequest {
  readonly AssignmentStatus?: "Assigned" | "Unassigned" | "Any" | undefined
  readonly Marker?: string | undefined
  readonly MaxItems?: number | undefined
}

export interface ListVirtualMFADevicesResponse {
  readonly VirtualMFADevices: readonly VirtualMFADevice[]
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface LoginProfile {
  readonly UserName: string
  readonly CreateDate: Date
  readonly PasswordResetRequired?: boolean | undefined
}

export interface MFADevice {
  readonly UserName: string
  readonly SerialNumber: string
  readonly EnableDate: Date
}

export interface ManagedPolicyDetail {
  readonly PolicyName?: string | undefined
  readonly PolicyId?: string | undefined
  readonly Arn?: string | undefined
  readonly Path?: string | undefined
  readonly DefaultVersionId?: string | undefined
  readonly AttachmentCount?: number | undefined
  readonly PermissionsBoundaryUsageCount?: number | undefined
  readonly IsAttachable?: boolean | undefined
  readonly Description?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly UpdateDate?: Date | undefined
  readonly PolicyVersionList?: readonly PolicyVersion[] | undefined
}

export interface OpenIDConnectProviderListEntry {
  readonly Arn?: string | undefined
}

export interface OrderedOrganizationPolicyType {
  readonly ServiceControlPolicyInputList?: readonly string[] | undefined
}

export interface OrganizationsDecisionDetail {
  readonly AllowedByOrganizations?: boolean | undefined
}

export interface PasswordPolicy {
  readonly MinimumPasswordLength?: number | undefined
  readonly RequireSymbols?: boolean | undefined
  readonly RequireNumbers?: boolean | undefined
  readonly RequireUppercaseCharacters?: boolean | undefined
  readonly RequireLowercaseCharacters?: boolean | undefined
  readonly AllowUsersToChangePassword?: boolean | undefined
  readonly ExpirePasswords?: boolean | undefined
  readonly MaxPasswordAge?: number | undefined
  readonly PasswordReusePrevention?: number | undefined
  readonly HardExpiry?: boolean | undefined
}

export interface PermissionsBoundaryDecisionDetail {
  readonly AllowedByPermissionsBoundary?: boolean | undefined
}

export interface Policy {
  readonly PolicyName?: string | undefined
  readonly PolicyId?: string | undefined
  readonly Arn?: string | undefined
  readonly Path?: string | undefined
  readonly DefaultVersionId?: string | undefined
  readonly AttachmentCount?: number | undefined
  readonly PermissionsBoundaryUsageCount?: number | undefined
  readonly IsAttachable?: boolean | undefined
  readonly Description?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly UpdateDate?: Date | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface PolicyDetail {
  readonly PolicyName?: string | undefined
  readonly PolicyDocument?: string | undefined
}

export interface PolicyGrantingServiceAccess {
  readonly PolicyName: string
  readonly PolicyType: "INLINE" | "MANAGED"
  readonly PolicyArn?: string | undefined
  readonly EntityType?: "USER" | "ROLE" | "GROUP" | undefined
  readonly EntityName?: string | undefined
}

export interface PolicyGroup {
  readonly GroupName?: string | undefined
  readonly GroupId?: string | undefined
}

export interface PolicyIdentifier {
  readonly PolicyType?: "inline" | "aws-managed" | "user-managed" | "permission-boundary" | "scp" | "rcp" | undefined
  readonly PolicyArn?: string | undefined
  readonly InlinePolicyIdentifier?: InlinePolicyIdentifierType | undefined
}

export interface PolicyParameter {
  readonly Name?: string | undefined
  readonly Values?: readonly string[] | undefined
  readonly Type?: "string" | "stringList" | undefined
}

export interface PolicyRole {
  readonly RoleName?: string | undefined
  readonly RoleId?: string | undefined
}

export interface PolicyUser {
  readonly UserName?: string | undefined
  readonly UserId?: string | undefined
}

export interface PolicyVersion {
  readonly Document?: string | undefined
  readonly VersionId?: string | undefined
  readonly IsDefaultVersion?: boolean | undefined
  readonly CreateDate?: Date | undefined
}

export interface Position {
  readonly Line?: number | undefined
  readonly Column?: number | undefined
}

export interface PutGroupPolicyRequest {
  readonly GroupName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface PutRolePermissionsBoundaryRequest {
  readonly RoleName: string
  readonly PermissionsBoundary: string
}

export interface PutRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface PutUserPermissionsBoundaryRequest {
  readonly UserName: string
  readonly PermissionsBoundary: string
}

export interface PutUserPolicyRequest {
  readonly UserName: string
  readonly PolicyName: string
  readonly PolicyDocument: string
}

export interface RejectDelegationRequestRequest {
  readonly DelegationRequestId: string
  readonly Notes?: string | undefined
}

export interface RemoveClientIDFromOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
  readonly ClientID: string
}

export interface RemoveRoleFromInstanceProfileRequest {
  readonly InstanceProfileName: string
  readonly RoleName: string
}

export interface RemoveUserFromGroupRequest {
  readonly GroupName: string
  readonly UserName: string
}

export interface ResetServiceSpecificCredentialRequest {
  readonly UserName?: string | undefined
  readonly ServiceSpecificCredentialId: string
}

export interface ResetServiceSpecificCredentialResponse {
  readonly ServiceSpecificCredential?: ServiceSpecificCredential | undefined
}

export interface ResourceSpecificResult {
  readonly EvalResourceName: string
  readonly EvalResourceDecision: "allowed" | "explicitDeny" | "implicitDeny"
  readonly MatchedStatements?: readonly Statement[] | undefined
  readonly MissingContextValues?: readonly string[] | undefined
  readonly EvalDecisionDetails?: Readonly<Record<string, "allowed" | "explicitDeny" | "implicitDeny">> | undefined
  readonly PermissionsBoundaryDecisionDetail?: PermissionsBoundaryDecisionDetail | undefined
}

export interface ResyncMFADeviceRequest {
  readonly UserName: string
  readonly SerialNumber: string
  readonly AuthenticationCode1: string
  readonly AuthenticationCode2: string
}

export interface Role {
  readonly Path: string
  readonly RoleName: string
  readonly RoleId: string
  readonly Arn: string
  readonly CreateDate: Date
  readonly AssumeRolePolicyDocument?: string | undefined
  readonly Description?: string | undefined
  readonly MaxSessionDuration?: number | undefined
  readonly PermissionsBoundary?: AttachedPermissionsBoundary | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly RoleLastUsed?: RoleLastUsed | undefined
}

export interface RoleDetail {
  readonly Path?: string | undefined
  readonly RoleName?: string | undefined
  readonly RoleId?: string | undefined
  readonly Arn?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly AssumeRolePolicyDocument?: string | undefined
  readonly InstanceProfileList?: readonly InstanceProfile[] | undefined
  readonly RolePolicyList?: readonly PolicyDetail[] | undefined
  readonly AttachedManagedPolicies?: readonly AttachedPolicy[] | undefined
  readonly PermissionsBoundary?: AttachedPermissionsBoundary | undefined
  readonly Tags?: readonly Tag[] | undefined
  readonly RoleLastUsed?: RoleLastUsed | undefined
}

export interface RoleLastUsed {
  readonly LastUsedDate?: Date | undefined
  readonly Region?: string | undefined
}

export interface RoleUsageType {
  readonly Region?: string | undefined
  readonly Resources?: readonly string[] | undefined
}

export interface SAMLPrivateKey {
  readonly KeyId?: string | undefined
  readonly Timestamp?: Date | undefined
}

export interface SAMLProviderListEntry {
  readonly Arn?: string | undefined
  readonly ValidUntil?: Date | undefined
  readonly CreateDate?: Date | undefined
}

export interface SSHPublicKey {
  readonly UserName: string
  readonly SSHPublicKeyId: string
  readonly Fingerprint: string
  readonly SSHPublicKeyBody: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly UploadDate?: Date | undefined
}

export interface SSHPublicKeyMetadata {
  readonly UserName: string
  readonly SSHPublicKeyId: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly UploadDate: Date
}

export interface SendDelegationTokenRequest {
  readonly DelegationRequestId: string
}

export interface ServerCertificate {
  readonly ServerCertificateMetadata: ServerCertificateMetadata
  readonly CertificateBody: string
  readonly CertificateChain?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface ServerCertificateMetadata {
  readonly Path: string
  readonly ServerCertificateName: string
  readonly ServerCertificateId: string
  readonly Arn: string
  readonly UploadDate?: Date | undefined
  readonly Expiration?: Date | undefined
}

export interface ServiceLastAccessed {
  readonly ServiceName: string
  readonly LastAuthenticated?: Date | undefined
  readonly ServiceNamespace: string
  readonly LastAuthenticatedEntity?: string | undefined
  readonly LastAuthenticatedRegion?: string | undefined
  readonly TotalAuthenticatedEntities?: number | undefined
  readonly TrackedActionsLastAccessed?: readonly TrackedActionLastAccessed[] | undefined
}

export interface ServiceSpecificCredential {
  readonly CreateDate: Date
  readonly ExpirationDate?: Date | undefined
  readonly ServiceName: string
  readonly ServiceUserName?: string | undefined
  readonly ServicePassword?: string | undefined
  readonly ServiceCredentialAlias?: string | undefined
  readonly ServiceCredentialSecret?: string | undefined
  readonly ServiceSpecificCredentialId: string
  readonly UserName: string
  readonly Status: "Active" | "Inactive" | "Expired"
}

export interface ServiceSpecificCredentialMetadata {
  readonly UserName: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly ServiceUserName?: string | undefined
  readonly ServiceCredentialAlias?: string | undefined
  readonly CreateDate: Date
  readonly ExpirationDate?: Date | undefined
  readonly ServiceSpecificCredentialId: string
  readonly ServiceName: string
}

export interface SetDefaultPolicyVersionRequest {
  readonly PolicyArn: string
  readonly VersionId: string
}

export interface SetSecurityTokenServicePreferencesRequest {
  readonly GlobalEndpointTokenVersion: "v1Token" | "v2Token"
}

export interface SigningCertificate {
  readonly UserName: string
  readonly CertificateId: string
  readonly CertificateBody: string
  readonly Status: "Active" | "Inactive" | "Expired"
  readonly UploadDate?: Date | undefined
}

export interface SimulateCustomPolicyRequest {
  readonly PolicyInputList: readonly string[]
  readonly PermissionsBoundaryPolicyInputList?: readonly string[] | undefined
  readonly OrderedOrganizationPolicyInputList?: readonly OrderedOrganizationPolicyType[] | undefined
  readonly ActionNames: readonly string[]
  readonly ResourceArns?: readonly string[] | undefined
  readonly ResourcePolicy?: string | undefined
  readonly ResourceOwner?: string | undefined
  readonly CallerArn?: string | undefined
  readonly ContextEntries?: readonly ContextEntry[] | undefined
  readonly ResourceHandlingOption?: string | undefined
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

export interface SimulatePolicyResponse {
  readonly EvaluationResults?: readonly EvaluationResult[] | undefined
  readonly IsTruncated?: boolean | undefined
  readonly Marker?: string | undefined
}

export interface SimulatePrincipalPolicyRequest {
  readonly PolicySourceArn: string
  readonly PolicyInputList?: readonly string[] | undefined
  readonly PermissionsBoundaryPolicyInputList?: readonly string[] | undefined
  readonly PolicyExclusionList?: readonly PolicyIdentifier[] | undefined
  readonly ActionNames: readonly string[]
  readonly ResourceArns?: readonly string[] | undefined
  readonly ResourcePolicy?: string | undefined
  readonly ResourceOwner?: string | undefined
  readonly CallerArn?: string | undefined
  readonly ContextEntries?: readonly ContextEntry[] | undefined
  readonly ResourceHandlingOption?: string | undefined
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

export interface Statement {
  readonly SourcePolicyId?: string | undefined
  readonly SourcePolicyType?: "user" | "group" | "role" | "aws-managed" | "user-managed" | "resource" | "none" | undefined
  readonly StartPosition?: Position | undefined
  readonly EndPosition?: Position | undefined
}

export interface Tag {
  readonly Key: string
  readonly Value: string
}

export interface TagInstanceProfileRequest {
  readonly InstanceProfileName: string
  readonly Tags: readonly Tag[]
}

export interface TagMFADeviceRequest {
  readonly SerialNumber: string
  readonly Tags: readonly Tag[]
}

export interface TagOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
  readonly Tags: readonly Tag[]
}

export interface TagPolicyRequest {
  readonly PolicyArn: string
  readonly Tags: readonly Tag[]
}

export interface TagRoleRequest {
  readonly RoleName: string
  readonly Tags: readonly Tag[]
}

export interface TagSAMLProviderRequest {
  readonly SAMLProviderArn: string
  readonly Tags: readonly Tag[]
}

export interface TagServerCertificateRequest {
  readonly ServerCertificateName: string
  readonly Tags: readonly Tag[]
}

export interface TagUserRequest {
  readonly UserName: string
  readonly Tags: readonly Tag[]
}

export interface TrackedActionLastAccessed {
  readonly ActionName?: string | undefined
  readonly LastAccessedEntity?: string | undefined
  readonly LastAccessedTime?: Date | undefined
  readonly LastAccessedRegion?: string | undefined
}

export interface UntagInstanceProfileRequest {
  readonly InstanceProfileName: string
  readonly TagKeys: readonly string[]
}

export interface UntagMFADeviceRequest {
  readonly SerialNumber: string
  readonly TagKeys: readonly string[]
}

export interface UntagOpenIDConnectProviderRequest {
  readonly OpenIDConnectProviderArn: string
  readonly TagKeys: readonly string[]
}

export interface UntagPolicyRequest {
  readonly PolicyArn: string
  readonly TagKeys: readonly string[]
}

export interface UntagRoleRequest {
  readonly RoleName: string
  readonly TagKeys: readonly string[]
}

export interface UntagSAMLProviderRequest {
  readonly SAMLProviderArn: string
  readonly TagKeys: readonly string[]
}

export interface UntagServerCertificateRequest {
  readonly ServerCertificateName: string
  readonly TagKeys: readonly string[]
}

export interface UntagUserRequest {
  readonly UserName: string
  readonly TagKeys: readonly string[]
}

export interface UpdateAccessKeyRequest {
  readonly UserName?: string | undefined
  readonly AccessKeyId: string
  readonly Status: "Active" | "Inactive" | "Expired"
}

export interface UpdateAccountPasswordPolicyRequest {
  readonly MinimumPasswordLength?: number | undefined
  readonly RequireSymbols?: boolean | undefined
  readonly RequireNumbers?: boolean | undefined
  readonly RequireUppercaseCharacters?: boolean | undefined
  readonly RequireLowercaseCharacters?: boolean | undefined
  readonly AllowUsersToChangePassword?: boolean | undefined
  readonly MaxPasswordAge?: number | undefined
  readonly PasswordReusePrevention?: number | undefined
  readonly HardExpiry?: boolean | undefined
}

export interface UpdateAssumeRolePolicyRequest {
  readonly RoleName: string
  readonly PolicyDocument: string
}

export interface UpdateDelegationRequestRequest {
  readonly DelegationRequestId: string
  readonly Notes?: string | undefined
}

export interface UpdateGroupRequest {
  readonly GroupName: string
  readonly NewPath?: string | undefined
  readonly NewGroupName?: string | undefined
}

export interface UpdateLoginProfileRequest {
  readonly UserName: string
  readonly Password?: string | undefined
  readonly PasswordResetRequired?: boolean | undefined
}

export interface UpdateOpenIDConnectProviderThumbprintRequest {
  readonly OpenIDConnectProviderArn: string
  readonly ThumbprintList: readonly string[]
}

export interface UpdateRoleDescriptionRequest {
  readonly RoleName: string
  readonly Description: string
}

export interface UpdateRoleDescriptionResponse {
  readonly Role?: Role | undefined
}

export interface UpdateRoleRequest {
  readonly RoleName: string
  readonly Description?: string | undefined
  readonly MaxSessionDuration?: number | undefined
}

export type UpdateRoleResponse = Readonly<Record<never, never>>

export interface UpdateSAMLProviderRequest {
  readonly SAMLMetadataDocument?: string | undefined
  readonly SAMLProviderArn: string
  readonly AssertionEncryptionMode?: "Required" | "Allowed" | undefined
  readonly AddPrivateKey?: string | undefined
  readonly RemovePrivateKey?: string | undefined
}

export interface UpdateSAMLProviderResponse {
  readonly SAMLProviderArn?: string | undefined
}

export interface UpdateSSHPublicKeyRequest {
  readonly UserName: string
  readonly SSHPublicKeyId: string
  readonly Status: "Active" | "Inactive" | "Expired"
}

export interface UpdateServerCertificateRequest {
  readonly ServerCertificateName: string
  readonly NewPath?: string | undefined
  readonly NewServerCertificateName?: string | undefined
}

export interface UpdateServiceSpecificCredentialRequest {
  readonly UserName?: string | undefined
  readonly ServiceSpecificCredentialId: string
  readonly Status: "Active" | "Inactive" | "Expired"
}

export interface UpdateSigningCertificateRequest {
  readonly UserName?: string | undefined
  readonly CertificateId: string
  readonly Status: "Active" | "Inactive" | "Expired"
}

export interface UpdateUserRequest {
  readonly UserName: string
  readonly NewPath?: string | undefined
  readonly NewUserName?: string | undefined
}

export interface UploadSSHPublicKeyRequest {
  readonly UserName: string
  readonly SSHPublicKeyBody: string
}

export interface UploadSSHPublicKeyResponse {
  readonly SSHPublicKey?: SSHPublicKey | undefined
}

export interface UploadServerCertificateRequest {
  readonly Path?: string | undefined
  readonly ServerCertificateName: string
  readonly CertificateBody: string
  readonly PrivateKey: string
  readonly CertificateChain?: string | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface UploadServerCertificateResponse {
  readonly ServerCertificateMetadata?: ServerCertificateMetadata | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface UploadSigningCertificateRequest {
  readonly UserName?: string | undefined
  readonly CertificateBody: string
}

export interface UploadSigningCertificateResponse {
  readonly Certificate: SigningCertificate
}

export interface User {
  readonly Path: string
  readonly UserName: string
  readonly UserId: string
  readonly Arn: string
  readonly CreateDate: Date
  readonly PasswordLastUsed?: Date | undefined
  readonly PermissionsBoundary?: AttachedPermissionsBoundary | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface UserDetail {
  readonly Path?: string | undefined
  readonly UserName?: string | undefined
  readonly UserId?: string | undefined
  readonly Arn?: string | undefined
  readonly CreateDate?: Date | undefined
  readonly UserPolicyList?: readonly PolicyDetail[] | undefined
  readonly GroupList?: readonly string[] | undefined
  readonly AttachedManagedPolicies?: readonly AttachedPolicy[] | undefined
  readonly PermissionsBoundary?: AttachedPermissionsBoundary | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface VirtualMFADevice {
  readonly SerialNumber: string
  readonly Base32StringSeed?: Uint8Array | undefined
  readonly QRCodePNG?: Uint8Array | undefined
  readonly User?: User | undefined
  readonly EnableDate?: Date | undefined
  readonly Tags?: readonly Tag[] | undefined
}

export interface IamApi {
  AcceptDelegationRequest: { input: AcceptDelegationRequestRequest; output: Readonly<Record<never, never>> }
  AddClientIDToOpenIDConnectProvider: { input: AddClientIDToOpenIDConnectProviderRequest; output: Readonly<Record<never, never>> }
  AddRoleToInstanceProfile: { input: AddRoleToInstanceProfileRequest; output: Readonly<Record<never, never>> }
  AddUserToGroup: { input: AddUserToGroupRequest; output: Readonly<Record<never, never>> }
  AssociateDelegationRequest: { input: AssociateDelegationRequestRequest; output: Readonly<Record<never, never>> }
  AttachGroupPolicy: { input: AttachGroupPolicyRequest; output: Readonly<Record<never, never>> }
  AttachRolePolicy: { input: AttachRolePolicyRequest; output: Readonly<Record<never, never>> }
  AttachUserPolicy: { input: AttachUserPolicyRequest; output: Readonly<Record<never, never>> }
  ChangePassword: { input: ChangePasswordRequest; output: Readonly<Record<never, never>> }
  CreateAccessKey: { input: CreateAccessKeyRequest; output: CreateAccessKeyResponse }
  CreateAccountAlias: { input: CreateAccountAliasRequest; output: Readonly<Record<never, never>> }
  CreateDelegationRequest: { input: CreateDelegationRequestRequest; output: CreateDelegationRequestResponse }
  CreateGroup: { input: CreateGroupRequest; output: CreateGroupResponse }
  CreateInstanceProfile: { input: CreateInstanceProfileRequest; output: CreateInstanceProfileResponse }
  CreateLoginProfile: { input: CreateLoginProfileRequest; output: CreateLoginProfileResponse }
  CreateOpenIDConnectProvider: { input: CreateOpenIDConnectProviderRequest; output: CreateOpenIDConnectProviderResponse }
  CreatePolicy: { input: CreatePolicyRequest; output: CreatePolicyResponse }
  CreatePolicyVersion: { input: CreatePolicyVersionRequest; output: CreatePolicyVersionResponse }
  CreateRole: { input: CreateRoleRequest; output: CreateRoleResponse }
  CreateSAMLProvider: { input: CreateSAMLProviderRequest; output: CreateSAMLProviderResponse }
  CreateServiceLinkedRole: { input: CreateServiceLinkedRoleRequest; output: CreateServiceLinkedRoleResponse }
  CreateServiceSpecificCredential: { input: CreateServiceSpecificCredentialRequest; output: CreateServiceSpecificCredentialResponse }
  CreateUser: { input: CreateUserRequest; output: CreateUserResponse }
  CreateVirtualMFADevice: { input: CreateVirtualMFADeviceRequest; output: CreateVirtualMFADeviceResponse }
  DeactivateMFADevice: { input: DeactivateMFADeviceRequest; output: Readonly<Record<never, never>> }
  DeleteAccessKey: { input: DeleteAccessKeyRequest; output: Readonly<Record<never, never>> }
  DeleteAccountAlias: { input: DeleteAccountAliasRequest; output: Readonly<Record<never, never>> }
  DeleteAccountPasswordPolicy: { input: Readonly<Record<never, never>>; output: Readonly<Record<never, never>> }
  DeleteGroup: { input: DeleteGroupRequest; output: Readonly<Record<never, never>> }
  DeleteGroupPolicy: { input: DeleteGroupPolicyRequest; output: Readonly<Record<never, never>> }
  DeleteInstanceProfile: { input: DeleteInstanceProfileRequest; output: Readonly<Record<never, never>> }
  DeleteLoginProfile: { input: DeleteLoginProfileRequest; output: Readonly<Record<never, never>> }
  DeleteOpenIDConnectProvider: { input: DeleteOpenIDConnectProviderRequest; output: Readonly<Record<never, never>> }
  DeletePolicy: { input: DeletePolicyRequest; output: Readonly<Record<never, never>> }
  DeletePolicyVersion: { input: DeletePolicyVersionRequest; output: Readonly<Record<never, never>> }
  DeleteRole: { input: DeleteRoleRequest; output: Readonly<Record<never, never>> }
  DeleteRolePermissionsBoundary: { input: DeleteRolePermissionsBoundaryRequest; output: Readonly<Record<never, never>> }
  DeleteRolePolicy: { input: DeleteRolePolicyRequest; output: Readonly<Record<never, never>> }
  DeleteSAMLProvider: { input: DeleteSAMLProviderRequest; output: Readonly<Record<never, never>> }
  DeleteSSHPublicKey: { input: DeleteSSHPublicKeyRequest; output: Readonly<Record<never, never>> }
  DeleteServerCertificate: { input: DeleteServerCertificateRequest; output: Readonly<Record<never, never>> }
  DeleteServiceLinkedRole: { input: DeleteServiceLinkedRoleRequest; output: DeleteServiceLinkedRoleResponse }
  DeleteServiceSpecificCredential: { input: DeleteServiceSpecificCredentialRequest; output: Readonly<Record<never, never>> }
  DeleteSigningCertificate: { input: DeleteSigningCertificateRequest; output: Readonly<Record<never, never>> }
  DeleteUser: { input: DeleteUserRequest; output: Readonly<Record<never, never>> }
  DeleteUserPermissionsBoundary: { input: DeleteUserPermissionsBoundaryRequest; output: Readonly<Record<never, never>> }
  DeleteUserPolicy: { input: DeleteUserPolicyRequest; output: Readonly<Record<never, never>> }
  DeleteVirtualMFADevice: { input: DeleteVirtualMFADeviceRequest; output: Readonly<Record<never, never>> }
  DetachGroupPolicy: { input: DetachGroupPolicyRequest; output: Readonly<Record<never, never>> }
  DetachRolePolicy: { input: DetachRolePolicyRequest; output: Readonly<Record<never, never>> }
  DetachUserPolicy: { input: DetachUserPolicyRequest; output: Readonly<Record<never, never>> }
  DisableOrganizationsRootCredentialsManagement: { input: DisableOrganizationsRootCredentialsManagementRequest; output: DisableOrganizationsRootCredentialsManagementResponse }
  DisableOrganizationsRootSessions: { input: DisableOrganizationsRootSessionsRequest; output: DisableOrganizationsRootSessionsResponse }
  DisableOutboundWebIdentityFederation: { input: Readonly<Record<never, never>>; output: Readonly<Record<never, never>> }
  EnableMFADevice: { input: EnableMFADeviceRequest; output: Readonly<Record<never, never>> }
  EnableOrganizationsRootCredentialsManagement: { input: EnableOrganizationsRootCredentialsManagementRequest; output: EnableOrganizationsRootCredentialsManagementResponse }
  EnableOrganizationsRootSessions: { input: EnableOrganizationsRootSessionsRequest; output: EnableOrganizationsRootSessionsResponse }
  EnableOutboundWebIdentityFederation: { input: Readonly<Record<never, never>>; output: EnableOutboundWebIdentityFederationResponse }
  GenerateCredentialReport: { input: Readonly<Record<never, never>>; output: GenerateCredentialReportResponse }
  GenerateOrganizationsAccessReport: { input: GenerateOrganizationsAccessReportRequest; output: GenerateOrganizationsAccessReportResponse }
  GenerateServiceLastAccessedDetails: { input: GenerateServiceLastAccessedDetailsRequest; output: GenerateServiceLastAccessedDetailsResponse }
  GetAccessKeyLastUsed: { input: GetAccessKeyLastUsedRequest; output: GetAccessKeyLastUsedResponse }
  GetAccountAuthorizationDetails: { input: GetAccountAuthorizationDetailsRequest; output: GetAccountAuthorizationDetailsResponse }
  GetAccountPasswordPolicy: { input: Readonly<Record<never, never>>; output: GetAccountPasswordPolicyResponse }
  GetAccountSummary: { input: Readonly<Record<never, never>>; output: GetAccountSummaryResponse }
  GetContextKeysForCustomPolicy: { input: GetContextKeysForCustomPolicyRequest; output: GetContextKeysForPolicyResponse }
  GetContextKeysForPrincipalPolicy: { input: GetContextKeysForPrincipalPolicyRequest; output: GetContextKeysForPolicyResponse }
  GetCredentialReport: { input: Readonly<Record<never, never>>; output: GetCredentialReportResponse }
  GetDelegationRequest: { input: GetDelegationRequestRequest; output: GetDelegationRequestResponse }
  GetGroup: { input: GetGroupRequest; output: GetGroupResponse }
  GetGroupPolicy: { input: GetGroupPolicyRequest; output: GetGroupPolicyResponse }
  GetHumanReadableSummary: { input: GetHumanReadableSummaryRequest; output: GetHumanReadableSummaryResponse }
  GetInstanceProfile: { input: GetInstanceProfileRequest; output: GetInstanceProfileResponse }
  GetLoginProfile: { input: GetLoginProfileRequest; output: GetLoginProfileResponse }
  GetMFADevice: { input: GetMFADeviceRequest; output: GetMFADeviceResponse }
  GetOpenIDConnectProvider: { input: GetOpenIDConnectProviderRequest; output: GetOpenIDConnectProviderResponse }
  GetOrganizationsAccessReport: { input: GetOrganizationsAccessReportRequest; output: GetOrganizationsAccessReportResponse }
  GetOutboundWebIdentityFederationInfo: { input: Readonly<Record<never, never>>; output: GetOutboundWebIdentityFederationInfoResponse }
  GetPolicy: { input: GetPolicyRequest; output: GetPolicyResponse }
  GetPolicyVersion: { input: GetPolicyVersionRequest; output: GetPolicyVersionResponse }
  GetRole: { input: GetRoleRequest; output: GetRoleResponse }
  GetRolePolicy: { input: GetRolePolicyRequest; output: GetRolePolicyResponse }
  GetSAMLProvider: { input: GetSAMLProviderRequest; output: GetSAMLProviderResponse }
  GetSSHPublicKey: { input: GetSSHPublicKeyRequest; output: GetSSHPublicKeyResponse }
  GetServerCertificate: { input: GetServerCertificateRequest; output: GetServerCertificateResponse }
  GetServiceLastAccessedDetails: { input: GetServiceLastAccessedDetailsRequest; output: GetServiceLastAccessedDetailsResponse }
  GetServiceLastAccessedDetailsWithEntities: { input: GetServiceLastAccessedDetailsWithEntitiesRequest; output: GetServiceLastAccessedDetailsWithEntitiesResponse }
  GetServiceLinkedRoleDeletionStatus: { input: GetServiceLinkedRoleDeletionStatusRequest; output: GetServiceLinkedRoleDeletionStatusResponse }
  GetUser: { input: GetUserRequest; output: GetUserResponse }
  GetUserPolicy: { input: GetUserPolicyRequest; output: GetUserPolicyResponse }
  ListAccessKeys: { input: ListAccessKeysRequest; output: ListAccessKeysResponse }
  ListAccountAliases: { input: ListAccountAliasesRequest; output: ListAccountAliasesResponse }
  ListAttachedGroupPolicies: { input: ListAttachedGroupPoliciesRequest; output: ListAttachedGroupPoliciesResponse }
  ListAttachedRolePolicies: { input: ListAttachedRolePoliciesRequest; output: ListAttachedRolePoliciesResponse }
  ListAttachedUserPolicies: { input: ListAttachedUserPoliciesRequest; output: ListAttachedUserPoliciesResponse }
  ListDelegationRequests: { input: ListDelegationRequestsRequest; output: ListDelegationRequestsResponse }
  ListEntitiesForPolicy: { input: ListEntitiesForPolicyRequest; output: ListEntitiesForPolicyResponse }
  ListGroupPolicies: { input: ListGroupPoliciesRequest; output: ListGroupPoliciesResponse }
  ListGroups: { input: ListGroupsRequest; output: ListGroupsResponse }
  ListGroupsForUser: { input: ListGroupsForUserRequest; output: ListGroupsForUserResponse }
  ListInstanceProfileTags: { input: ListInstanceProfileTagsRequest; output: ListInstanceProfileTagsResponse }
  ListInstanceProfiles: { input: ListInstanceProfilesRequest; output: ListInstanceProfilesResponse }
  ListInstanceProfilesForRole: { input: ListInstanceProfilesForRoleRequest; output: ListInstanceProfilesForRoleResponse }
  ListMFADeviceTags: { input: ListMFADeviceTagsRequest; output: ListMFADeviceTagsResponse }
  ListMFADevices: { input: ListMFADevicesRequest; output: ListMFADevicesResponse }
  ListOpenIDConnectProviderTags: { input: ListOpenIDConnectProviderTagsRequest; output: ListOpenIDConnectProviderTagsResponse }
  ListOpenIDConnectProviders: { input: ListOpenIDConnectProvidersRequest; output: ListOpenIDConnectProvidersResponse }
  ListOrganizationsFeatures: { input: ListOrganizationsFeaturesRequest; output: ListOrganizationsFeaturesResponse }
  ListPolicies: { input: ListPoliciesRequest; output: ListPoliciesResponse }
  ListPoliciesGrantingServiceAccess: { input: ListPoliciesGrantingServiceAccessRequest; output: ListPoliciesGrantingServiceAccessResponse }
  ListPolicyTags: { input: ListPolicyTagsRequest; output: ListPolicyTagsResponse }
  ListPolicyVersions: { input: ListPolicyVersionsRequest; output: ListPolicyVersionsResponse }
  ListRolePolicies: { input: ListRolePoliciesRequest; output: ListRolePoliciesResponse }
  ListRoleTags: { input: ListRoleTagsRequest; output: ListRoleTagsResponse }
  ListRoles: { input: ListRolesRequest; output: ListRolesResponse }
  ListSAMLProviderTags: { input: ListSAMLProviderTagsRequest; output: ListSAMLProviderTagsResponse }
  ListSAMLProviders: { input: ListSAMLProvidersRequest; output: ListSAMLProvidersResponse }
  ListSSHPublicKeys: { input: ListSSHPublicKeysRequest; output: ListSSHPublicKeysResponse }
  ListServerCertificateTags: { input: ListServerCertificateTagsRequest; output: ListServerCertificateTagsResponse }
  ListServerCertificates: { input: ListServerCertificatesRequest; output: ListServerCertificatesResponse }
  ListServiceSpecificCredentials: { input: ListServiceSpecificCredentialsRequest; output: ListServiceSpecificCredentialsResponse }
  ListSigningCertificates: { input: ListSigningCertificatesRequest; output: ListSigningCertificatesResponse }
  ListUserPolicies: { input: ListUserPoliciesRequest; output: ListUserPoliciesResponse }
  ListUserTags: { input: ListUserTagsRequest; output: ListUserTagsResponse }
  ListUsers: { input: ListUsersRequest; output: ListUsersResponse }
  ListVirtualMFADevices: { input: ListVirtualMFADevicesRequest; output: ListVirtualMFADevicesResponse }
  PutGroupPolicy: { input: PutGroupPolicyRequest; output: Readonly<Record<never, never>> }
  PutRolePermissionsBoundary: { input: PutRolePermissionsBoundaryRequest; output: Readonly<Record<never, never>> }
  PutRolePolicy: { input: PutRolePolicyRequest; output: Readonly<Record<never, never>> }
  PutUserPermissionsBoundary: { input: PutUserPermissionsBoundaryRequest; output: Readonly<Record<never, never>> }
  PutUserPolicy: { input: PutUserPolicyRequest; output: Readonly<Record<never, never>> }
  RejectDelegationRequest: { input: RejectDelegationRequestRequest; output: Readonly<Record<never, never>> }
  RemoveClientIDFromOpenIDConnectProvider: { input: RemoveClientIDFromOpenIDConnectProviderRequest; output: Readonly<Record<never, never>> }
  RemoveRoleFromInstanceProfile: { input: RemoveRoleFromInstanceProfileRequest; output: Readonly<Record<never, never>> }
  RemoveUserFromGroup: { input: RemoveUserFromGroupRequest; output: Readonly<Record<never, never>> }
  ResetServiceSpecificCredential: { input: ResetServiceSpecificCredentialRequest; output: ResetServiceSpecificCredentialResponse }
  ResyncMFADevice: { input: ResyncMFADeviceRequest; output: Readonly<Record<never, never>> }
  SendDelegationToken: { input: SendDelegationTokenRequest; output: Readonly<Record<never, never>> }
  SetDefaultPolicyVersion: { input: SetDefaultPolicyVersionRequest; output: Readonly<Record<never, never>> }
  SetSecurityTokenServicePreferences: { input: SetSecurityTokenServicePreferencesRequest; output: Readonly<Record<never, never>> }
  SimulateCustomPolicy: { input: SimulateCustomPolicyRequest; output: SimulatePolicyResponse }
  SimulatePrincipalPolicy: { input: SimulatePrincipalPolicyRequest; output: SimulatePolicyResponse }
  TagInstanceProfile: { input: TagInstanceProfileRequest; output: Readonly<Record<never, never>> }
  TagMFADevice: { input: TagMFADeviceRequest; output: Readonly<Record<never, never>> }
  TagOpenIDConnectProvider: { input: TagOpenIDConnectProviderRequest; output: Readonly<Record<never, never>> }
  TagPolicy: { input: TagPolicyRequest; output: Readonly<Record<never, never>> }
  TagRole: { input: TagRoleRequest; output: Readonly<Record<never, never>> }
  TagSAMLProvider: { input: TagSAMLProviderRequest; output: Readonly<Record<never, never>> }
  TagServerCertificate: { input: TagServerCertificateRequest; output: Readonly<Record<never, never>> }
  TagUser: { input: TagUserRequest; output: Readonly<Record<never, never>> }
  UntagInstanceProfile: { input: UntagInstanceProfileRequest; output: Readonly<Record<never, never>> }
  UntagMFADevice: { input: UntagMFADeviceRequest; output: Readonly<Record<never, never>> }
  UntagOpenIDConnectProvider: { input: UntagOpenIDConnectProviderRequest; output: Readonly<Record<never, never>> }
  UntagPolicy: { input: UntagPolicyRequest; output: Readonly<Record<never, never>> }
  UntagRole: { input: UntagRoleRequest; output: Readonly<Record<never, never>> }
  UntagSAMLProvider: { input: UntagSAMLProviderRequest; output: Readonly<Record<never, never>> }
  UntagServerCertificate: { input: UntagServerCertificateRequest; output: Readonly<Record<never, never>> }
  UntagUser: { input: UntagUserRequest; output: Readonly<Record<never, never>> }
  UpdateAccessKey: { input: UpdateAccessKeyRequest; output: Readonly<Record<never, never>> }
  UpdateAccountPasswordPolicy: { input: UpdateAccountPasswordPolicyRequest; output: Readonly<Record<never, never>> }
  UpdateAssumeRolePolicy: { input: UpdateAssumeRolePolicyRequest; output: Readonly<Record<never, never>> }
  UpdateDelegationRequest: { input: UpdateDelegationRequestRequest; output: Readonly<Record<never, never>> }
  UpdateGroup: { input: UpdateGroupRequest; output: Readonly<Record<never, never>> }
  UpdateLoginProfile: { input: UpdateLoginProfileRequest; output: Readonly<Record<never, never>> }
  UpdateOpenIDConnectProviderThumbprint: { input: UpdateOpenIDConnectProviderThumbprintRequest; output: Readonly<Record<never, never>> }
  UpdateRole: { input: UpdateRoleRequest; output: UpdateRoleResponse }
  UpdateRoleDescription: { input: UpdateRoleDescriptionRequest; output: UpdateRoleDescriptionResponse }
  UpdateSAMLProvider: { input: UpdateSAMLProviderRequest; output: UpdateSAMLProviderResponse }
  UpdateSSHPublicKey: { input: UpdateSSHPublicKeyRequest; output: Readonly<Record<never, never>> }
  UpdateServerCertificate: { input: UpdateServerCertificateRequest; output: Readonly<Record<never, never>> }
  UpdateServiceSpecificCredential: { input: UpdateServiceSpecificCredentialRequest; output: Readonly<Record<never, never>> }
  UpdateSigningCertificate: { input: UpdateSigningCertificateRequest; output: Readonly<Record<never, never>> }
  UpdateUser: { input: UpdateUserRequest; output: Readonly<Record<never, never>> }
  UploadSSHPublicKey: { input: UploadSSHPublicKeyRequest; output: UploadSSHPublicKeyResponse }
  UploadServerCertificate: { input: UploadServerCertificateRequest; output: UploadServerCertificateResponse }
  UploadSigningCertificate: { input: UploadSigningCertificateRequest; output: UploadSigningCertificateResponse }
}

export class AccountNotManagementOrDelegatedAdministratorException extends AwsError {
  constructor(message: string) {
    super("AccountNotManagementOrDelegatedAdministratorException", 400, message)
  }
}

export class CallerIsNotManagementAccountException extends AwsError {
  constructor(message: string) {
    super("CallerIsNotManagementAccountException", 400, message)
  }
}

export class ConcurrentModificationException extends AwsError {
  constructor(message: string) {
    super("ConcurrentModification", 409, message)
  }
}

export class CredentialReportExpiredException extends AwsError {
  constructor(message: string) {
    super("ReportExpired", 410, message)
  }
}

export class CredentialReportNotPresentException extends AwsError {
  constructor(message: string) {
    super("ReportNotPresent", 410, message)
  }
}

export class CredentialReportNotReadyException extends AwsError {
  constructor(message: string) {
    super("ReportInProgress", 404, message)
  }
}

export class DeleteConflictException extends AwsError {
  constructor(message: string) {
    super("DeleteConflict", 409, message)
  }
}

export class DuplicateCertificateException extends AwsError {
  constructor(message: string) {
    super("DuplicateCertificate", 409, message)
  }
}

export class DuplicateSSHPublicKeyException extends AwsError {
  constructor(message: string) {
    super("DuplicateSSHPublicKey", 400, message)
  }
}

export class EntityAlreadyExistsException extends AwsError {
  constructor(message: string) {
    super("EntityAlreadyExists", 409, message)
  }
}

export class EntityTemporarilyUnmodifiableException extends AwsError {
  constructor(message: string) {
    super("EntityTemporarilyUnmodifiable", 409, message)
  }
}

export class FeatureDisabledException extends AwsError {
  constructor(message: string) {
    super("FeatureDisabled", 404, message)
  }
}

export class FeatureEnabledException extends AwsError {
  constructor(message: string) {
    super("FeatureEnabled", 409, message)
  }
}

export class InvalidAuthenticationCodeException extends AwsError {
  constructor(message: string) {
    super("InvalidAuthenticationCode", 403, message)
  }
}

export class InvalidCertificateException extends AwsError {
  constructor(message: string) {
    super("InvalidCertificate", 400, message)
  }
}

export class InvalidInputException extends AwsError {
  constructor(message: string) {
    super("InvalidInput", 400, message)
  }
}

export class InvalidPublicKeyException extends AwsError {
  constructor(message: string) {
    super("InvalidPublicKey", 400, message)
  }
}

export class InvalidUserTypeException extends AwsError {
  constructor(message: string) {
    super("InvalidUserType", 400, message)
  }
}

export class KeyPairMismatchException extends AwsError {
  constructor(message: string) {
    super("KeyPairMismatch", 400, message)
  }
}

export class LimitExceededException extends AwsError {
  constructor(message: string) {
    super("LimitExceeded", 409, message)
  }
}

export class MalformedCertificateException extends AwsError {
  constructor(message: string) {
    super("MalformedCertificate", 400, message)
  }
}

export class MalformedPolicyDocumentException extends AwsError {
  constructor(message: string) {
    super("MalformedPolicyDocument", 400, message)
  }
}

export class NoSuchEntityException extends AwsError {
  constructor(message: string) {
    super("NoSuchEntity", 404, message)
  }
}

export class OpenIdIdpCommunicationErrorException extends AwsError {
  constructor(message: string) {
    super("OpenIdIdpCommunicationError", 400, message)
  }
}

export class OrganizationNotFoundException extends AwsError {
  constructor(message: string) {
    super("OrganizationNotFoundException", 400, message)
  }
}

export class OrganizationNotInAllFeaturesModeException extends AwsError {
  constructor(message: string) {
    super("OrganizationNotInAllFeaturesModeException", 400, message)
  }
}

export class PasswordPolicyViolationException extends AwsError {
  constructor(message: string) {
    super("PasswordPolicyViolation", 400, message)
  }
}

export class PolicyEvaluationException extends AwsError {
  constructor(message: string) {
    super("PolicyEvaluation", 500, message)
  }
}

export class PolicyNotAttachableException extends AwsError {
  constructor(message: string) {
    super("PolicyNotAttachable", 400, message)
  }
}

export class ReportGenerationLimitExceededException extends AwsError {
  constructor(message: string) {
    super("ReportGenerationLimitExceeded", 409, message)
  }
}

export class ServiceAccessNotEnabledException extends AwsError {
  constructor(message: string) {
    super("ServiceAccessNotEnabledException", 400, message)
  }
}

export class ServiceFailureException extends AwsError {
  constructor(message: string) {
    super("ServiceFailure", 500, message)
  }
}

export class ServiceNotSupportedException extends AwsError {
  constructor(message: string) {
    super("NotSupportedService", 404, message)
  }
}

export class UnmodifiableEntityException extends AwsError {
  constructor(message: string) {
    super("UnmodifiableEntity", 400, message)
  }
}

export class UnrecognizedPublicKeyEncodingException extends AwsError {
  constructor(message: string) {
    super("UnrecognizedPublicKeyEncoding", 400, message)
  }
}
