// Written by packaging/console_types.py from the service models. Do not edit.
//
// Shapes are named after their service. Timestamps are seconds since the epoch, blobs are Base64.

export interface CloudtrailEvent {
  EventId?: string;
  EventName?: string;
  ReadOnly?: string;
  AccessKeyId?: string;
  EventTime?: number;
  EventSource?: string;
  Username?: string;
  Resources?: CloudtrailResource[];
  CloudTrailEvent?: string;
}

export interface CloudtrailLookupAttribute {
  AttributeKey: 'EventId' | 'EventName' | 'ReadOnly' | 'Username' | 'ResourceType' | 'ResourceName' | 'EventSource' | 'AccessKeyId';
  AttributeValue: string;
}

export interface CloudtrailLookupEventsRequest {
  LookupAttributes?: CloudtrailLookupAttribute[];
  StartTime?: number;
  EndTime?: number;
  EventCategory?: 'insight';
  MaxResults?: number;
  NextToken?: string;
}

export interface CloudtrailLookupEventsResponse {
  Events?: CloudtrailEvent[];
  NextToken?: string;
}

export interface CloudtrailResource {
  ResourceType?: string;
  ResourceName?: string;
}

export interface FerrymanCreateInvitationRequest {
  UserName: string;
  DurationSeconds?: number;
}

export interface FerrymanCreateInvitationResult {
  Invitation?: FerrymanInvitation;
  InvitationToken?: string;
}

export interface FerrymanDeleteInvitationRequest {
  UserName: string;
  InvitationId: string;
}

export interface FerrymanDeleteRecordingHoldRequest {
  SessionId: string;
}

export interface FerrymanDeleteRecordingHoldResponse {
  SessionId?: string;
}

export interface FerrymanDeleteRecordingRequest {
  SessionId: string;
}

export interface FerrymanDeleteRecordingResponse {
  SessionId?: string;
}

export interface FerrymanGetRecordingEventsRequest {
  SessionId: string;
  StartAt?: number;
  IncludeInput?: boolean;
  NextToken?: string;
}

export interface FerrymanGetRecordingEventsResponse {
  Events?: FerrymanRecordingEvent[];
  NextToken?: string;
}

export interface FerrymanGetRecordingRequest {
  SessionId: string;
}

export interface FerrymanGetRecordingResponse {
  Recording?: FerrymanRecording;
}

export interface FerrymanInvitation {
  InvitationId?: string;
  UserName?: string;
  CreatedBy?: string;
  CreateDate?: number;
  ExpirationDate?: number;
}

export interface FerrymanListInvitationsRequest {
  UserName: string;
}

export interface FerrymanListInvitationsResult {
  Invitations?: FerrymanInvitation[];
}

export interface FerrymanListRecordingsRequest {
  Target?: string;
  Owner?: string;
  StartedAfter?: number;
  StartedBefore?: number;
  MaxResults?: number;
  NextToken?: string;
}

export interface FerrymanListRecordingsResponse {
  Recordings?: FerrymanRecording[];
  NextToken?: string;
}

export interface FerrymanListWatchersRequest {
  SessionId: string;
}

export interface FerrymanListWatchersResponse {
  Watchers?: FerrymanWatcher[];
}

export interface FerrymanMatch {
  SessionId?: string;
  Target?: string;
  Owner?: string;
  DocumentName?: string;
  Date?: number;
  At?: number;
  Line?: string;
}

export interface FerrymanPutRecordingHoldRequest {
  SessionId: string;
  Reason: string;
}

export interface FerrymanPutRecordingHoldResponse {
  Recording?: FerrymanRecording;
}

export interface FerrymanRecording {
  SessionId?: string;
  Status?: 'Recording' | 'Finished';
  Target?: string;
  Owner?: string;
  DocumentName?: string;
  Mode?: 'off' | 'best-effort' | 'required';
  StartDate?: number;
  FinishDate?: number;
  DurationMillis?: number;
  Size?: number;
  BlockCount?: number;
  Head?: string;
  RetainedUntil?: number;
  Hold?: FerrymanRecordingHold;
}

export interface FerrymanRecordingEvent {
  At?: number;
  Kind?: 'o' | 'e' | 'i' | 'r' | 'm' | 'x' | 'c' | 'f';
  Data?: string;
}

export interface FerrymanRecordingHold {
  Reason?: string;
  HeldBy?: string;
  HeldSince?: number;
}

export interface FerrymanSearchRecordingsRequest {
  Phrase: string;
  Target?: string;
  Owner?: string;
  StartedAfter?: number;
  StartedBefore?: number;
  MaxResults?: number;
  NextToken?: string;
}

export interface FerrymanSearchRecordingsResponse {
  Matches?: FerrymanMatch[];
  NextToken?: string;
}

export interface FerrymanVerifyRecordingRequest {
  SessionId: string;
}

export interface FerrymanVerifyRecordingResponse {
  SessionId?: string;
  Intact?: boolean;
  Problem?: string;
}

export interface FerrymanWatchSessionRequest {
  SessionId: string;
}

export interface FerrymanWatchSessionResponse {
  SessionId?: string;
  StreamUrl?: string;
  TokenValue?: string;
  Announced?: boolean;
}

export interface FerrymanWatcher {
  Arn?: string;
  SourceIp?: string;
  Since?: number;
}

export interface IamAccessKey {
  UserName: string;
  AccessKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  SecretAccessKey: string;
  CreateDate?: number;
}

export interface IamAccessKeyLastUsed {
  LastUsedDate?: number;
  ServiceName: string;
  Region: string;
}

export interface IamAccessKeyMetadata {
  UserName?: string;
  AccessKeyId?: string;
  Status?: 'Active' | 'Inactive' | 'Expired';
  CreateDate?: number;
}

export interface IamAddClientIDToOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  ClientID: string;
}

export interface IamAddUserToGroupRequest {
  GroupName: string;
  UserName: string;
}

export interface IamAttachGroupPolicyRequest {
  GroupName: string;
  PolicyArn: string;
}

export interface IamAttachRolePolicyRequest {
  RoleName: string;
  PolicyArn: string;
}

export interface IamAttachUserPolicyRequest {
  UserName: string;
  PolicyArn: string;
}

export interface IamAttachedPermissionsBoundary {
  PermissionsBoundaryType?: 'PermissionsBoundaryPolicy';
  PermissionsBoundaryArn?: string;
}

export interface IamAttachedPolicy {
  PolicyName?: string;
  PolicyArn?: string;
}

export interface IamContextEntry {
  ContextKeyName?: string;
  ContextKeyValues?: string[];
  ContextKeyType?: 'string' | 'stringList' | 'numeric' | 'numericList' | 'boolean' | 'booleanList' | 'ip' | 'ipList' | 'binary' | 'binaryList' | 'date' | 'dateList';
}

export interface IamCreateAccessKeyRequest {
  UserName?: string;
}

export interface IamCreateAccessKeyResponse {
  AccessKey: IamAccessKey;
}

export interface IamCreateGroupRequest {
  Path?: string;
  GroupName: string;
}

export interface IamCreateGroupResponse {
  Group: IamGroup;
}

export interface IamCreateOpenIDConnectProviderRequest {
  Url: string;
  ClientIDList?: string[];
  ThumbprintList?: string[];
  Tags?: IamTag[];
}

export interface IamCreateOpenIDConnectProviderResponse {
  OpenIDConnectProviderArn?: string;
  Tags?: IamTag[];
}

export interface IamCreatePolicyRequest {
  PolicyName: string;
  Path?: string;
  PolicyDocument: string;
  Description?: string;
  Tags?: IamTag[];
}

export interface IamCreatePolicyResponse {
  Policy?: IamPolicy;
}

export interface IamCreatePolicyVersionRequest {
  PolicyArn: string;
  PolicyDocument: string;
  SetAsDefault?: boolean;
}

export interface IamCreatePolicyVersionResponse {
  PolicyVersion?: IamPolicyVersion;
}

export interface IamCreateRoleRequest {
  Path?: string;
  RoleName: string;
  AssumeRolePolicyDocument: string;
  Description?: string;
  MaxSessionDuration?: number;
  PermissionsBoundary?: string;
  Tags?: IamTag[];
}

export interface IamCreateRoleResponse {
  Role: IamRole;
}

export interface IamCreateUserRequest {
  Path?: string;
  UserName: string;
  PermissionsBoundary?: string;
  Tags?: IamTag[];
}

export interface IamCreateUserResponse {
  User?: IamUser;
}

export interface IamDeleteAccessKeyRequest {
  UserName?: string;
  AccessKeyId: string;
}

export interface IamDeleteGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
}

export interface IamDeleteGroupRequest {
  GroupName: string;
}

export interface IamDeleteLoginProfileRequest {
  UserName?: string;
}

export interface IamDeleteOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
}

export interface IamDeletePolicyRequest {
  PolicyArn: string;
}

export interface IamDeletePolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamDeleteRolePermissionsBoundaryRequest {
  RoleName: string;
}

export interface IamDeleteRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
}

export interface IamDeleteRoleRequest {
  RoleName: string;
}

export interface IamDeleteUserPermissionsBoundaryRequest {
  UserName: string;
}

export interface IamDeleteUserPolicyRequest {
  UserName: string;
  PolicyName: string;
}

export interface IamDeleteUserRequest {
  UserName: string;
}

export interface IamDetachGroupPolicyRequest {
  GroupName: string;
  PolicyArn: string;
}

export interface IamDetachRolePolicyRequest {
  RoleName: string;
  PolicyArn: string;
}

export interface IamDetachUserPolicyRequest {
  UserName: string;
  PolicyArn: string;
}

export interface IamEvaluationResult {
  EvalActionName: string;
  EvalResourceName?: string;
  EvalDecision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  MatchedStatements?: IamStatement[];
  MissingContextValues?: string[];
  OrganizationsDecisionDetail?: IamOrganizationsDecisionDetail;
  PermissionsBoundaryDecisionDetail?: IamPermissionsBoundaryDecisionDetail;
  EvalDecisionDetails?: Record<string, 'allowed' | 'explicitDeny' | 'implicitDeny'>;
  ResourceSpecificResults?: IamResourceSpecificResult[];
}

export interface IamGetAccessKeyLastUsedRequest {
  AccessKeyId: string;
}

export interface IamGetAccessKeyLastUsedResponse {
  UserName?: string;
  AccessKeyLastUsed?: IamAccessKeyLastUsed;
}

export interface IamGetAccountAuthorizationDetailsRequest {
  Filter?: ('User' | 'Role' | 'Group' | 'LocalManagedPolicy' | 'AWSManagedPolicy')[];
  MaxItems?: number;
  Marker?: string;
}

export interface IamGetAccountAuthorizationDetailsResponse {
  UserDetailList?: IamUserDetail[];
  GroupDetailList?: IamGroupDetail[];
  RoleDetailList?: IamRoleDetail[];
  Policies?: IamManagedPolicyDetail[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamGetAccountSummaryResponse {
  SummaryMap?: Record<string, number>;
}

export interface IamGetContextKeysForCustomPolicyRequest {
  PolicyInputList: string[];
}

export interface IamGetContextKeysForPolicyResponse {
  ContextKeyNames?: string[];
}

export interface IamGetContextKeysForPrincipalPolicyRequest {
  PolicySourceArn: string;
  PolicyInputList?: string[];
}

export interface IamGetGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
}

export interface IamGetGroupPolicyResponse {
  GroupName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetGroupRequest {
  GroupName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamGetGroupResponse {
  Group: IamGroup;
  Users: IamUser[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamGetLoginProfileRequest {
  UserName?: string;
}

export interface IamGetLoginProfileResponse {
  LoginProfile: IamLoginProfile;
}

export interface IamGetOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
}

export interface IamGetOpenIDConnectProviderResponse {
  Url?: string;
  ClientIDList?: string[];
  ThumbprintList?: string[];
  CreateDate?: number;
  Tags?: IamTag[];
}

export interface IamGetPolicyRequest {
  PolicyArn: string;
}

export interface IamGetPolicyResponse {
  Policy?: IamPolicy;
}

export interface IamGetPolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamGetPolicyVersionResponse {
  PolicyVersion?: IamPolicyVersion;
}

export interface IamGetRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
}

export interface IamGetRolePolicyResponse {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetRoleRequest {
  RoleName: string;
}

export interface IamGetRoleResponse {
  Role: IamRole;
}

export interface IamGetUserPolicyRequest {
  UserName: string;
  PolicyName: string;
}

export interface IamGetUserPolicyResponse {
  UserName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamGetUserRequest {
  UserName?: string;
}

export interface IamGetUserResponse {
  User: IamUser;
}

export interface IamGroup {
  Path: string;
  GroupName: string;
  GroupId: string;
  Arn: string;
  CreateDate: number;
}

export interface IamGroupDetail {
  Path?: string;
  GroupName?: string;
  GroupId?: string;
  Arn?: string;
  CreateDate?: number;
  GroupPolicyList?: IamPolicyDetail[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
}

export interface IamInlinePolicyIdentifierType {
  PolicyName: string;
  AttachmentType: 'user' | 'group' | 'role';
  AttachmentName: string;
}

export interface IamInstanceProfile {
  Path: string;
  InstanceProfileName: string;
  InstanceProfileId: string;
  Arn: string;
  CreateDate: number;
  Roles: IamRole[];
  Tags?: IamTag[];
}

export interface IamListAccessKeysRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAccessKeysResponse {
  AccessKeyMetadata: IamAccessKeyMetadata[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAccountAliasesRequest {
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAccountAliasesResponse {
  AccountAliases: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedGroupPoliciesRequest {
  GroupName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedGroupPoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedRolePoliciesRequest {
  RoleName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedRolePoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListAttachedUserPoliciesRequest {
  UserName: string;
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListAttachedUserPoliciesResponse {
  AttachedPolicies?: IamAttachedPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListEntitiesForPolicyRequest {
  PolicyArn: string;
  EntityFilter?: 'User' | 'Role' | 'Group' | 'LocalManagedPolicy' | 'AWSManagedPolicy';
  PathPrefix?: string;
  PolicyUsageFilter?: 'PermissionsPolicy' | 'PermissionsBoundary';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListEntitiesForPolicyResponse {
  PolicyGroups?: IamPolicyGroup[];
  PolicyUsers?: IamPolicyUser[];
  PolicyRoles?: IamPolicyRole[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupPoliciesRequest {
  GroupName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupPoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupsForUserRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupsForUserResponse {
  Groups: IamGroup[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListGroupsRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListGroupsResponse {
  Groups: IamGroup[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListInstanceProfilesForRoleRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListInstanceProfilesForRoleResponse {
  InstanceProfiles: IamInstanceProfile[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListMFADevicesRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListMFADevicesResponse {
  MFADevices: IamMFADevice[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListOpenIDConnectProviderTagsRequest {
  OpenIDConnectProviderArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListOpenIDConnectProviderTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListOpenIDConnectProvidersResponse {
  OpenIDConnectProviderList?: IamOpenIDConnectProviderListEntry[];
}

export interface IamListPoliciesRequest {
  Scope?: 'All' | 'AWS' | 'Local';
  OnlyAttached?: boolean;
  PathPrefix?: string;
  PolicyUsageFilter?: 'PermissionsPolicy' | 'PermissionsBoundary';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPoliciesResponse {
  Policies?: IamPolicy[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListPolicyTagsRequest {
  PolicyArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPolicyTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListPolicyVersionsRequest {
  PolicyArn: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListPolicyVersionsResponse {
  Versions?: IamPolicyVersion[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRolePoliciesRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRolePoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRoleTagsRequest {
  RoleName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRoleTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListRolesRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListRolesResponse {
  Roles: IamRole[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListSSHPublicKeysRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListSSHPublicKeysResponse {
  SSHPublicKeys?: IamSSHPublicKeyMetadata[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListServiceSpecificCredentialsRequest {
  UserName?: string;
  ServiceName?: string;
  AllUsers?: boolean;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListServiceSpecificCredentialsResponse {
  ServiceSpecificCredentials?: IamServiceSpecificCredentialMetadata[];
  Marker?: string;
  IsTruncated?: boolean;
}

export interface IamListSigningCertificatesRequest {
  UserName?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListSigningCertificatesResponse {
  Certificates: IamSigningCertificate[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUserPoliciesRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUserPoliciesResponse {
  PolicyNames: string[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUserTagsRequest {
  UserName: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUserTagsResponse {
  Tags: IamTag[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListUsersRequest {
  PathPrefix?: string;
  Marker?: string;
  MaxItems?: number;
}

export interface IamListUsersResponse {
  Users: IamUser[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamListVirtualMFADevicesRequest {
  AssignmentStatus?: 'Assigned' | 'Unassigned' | 'Any';
  Marker?: string;
  MaxItems?: number;
}

export interface IamListVirtualMFADevicesResponse {
  VirtualMFADevices: IamVirtualMFADevice[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamLoginProfile {
  UserName: string;
  CreateDate: number;
  PasswordResetRequired?: boolean;
}

export interface IamMFADevice {
  UserName: string;
  SerialNumber: string;
  EnableDate: number;
}

export interface IamManagedPolicyDetail {
  PolicyName?: string;
  PolicyId?: string;
  Arn?: string;
  Path?: string;
  DefaultVersionId?: string;
  AttachmentCount?: number;
  PermissionsBoundaryUsageCount?: number;
  IsAttachable?: boolean;
  Description?: string;
  CreateDate?: number;
  UpdateDate?: number;
  PolicyVersionList?: IamPolicyVersion[];
}

export interface IamOpenIDConnectProviderListEntry {
  Arn?: string;
}

export interface IamOrderedOrganizationPolicyType {
  ServiceControlPolicyInputList?: string[];
}

export interface IamOrganizationsDecisionDetail {
  AllowedByOrganizations?: boolean;
}

export interface IamPermissionsBoundaryDecisionDetail {
  AllowedByPermissionsBoundary?: boolean;
}

export interface IamPolicy {
  PolicyName?: string;
  PolicyId?: string;
  Arn?: string;
  Path?: string;
  DefaultVersionId?: string;
  AttachmentCount?: number;
  PermissionsBoundaryUsageCount?: number;
  IsAttachable?: boolean;
  Description?: string;
  CreateDate?: number;
  UpdateDate?: number;
  Tags?: IamTag[];
}

export interface IamPolicyDetail {
  PolicyName?: string;
  PolicyDocument?: string;
}

export interface IamPolicyGroup {
  GroupName?: string;
  GroupId?: string;
}

export interface IamPolicyIdentifier {
  PolicyType?: 'inline' | 'aws-managed' | 'user-managed' | 'permission-boundary' | 'scp' | 'rcp';
  PolicyArn?: string;
  InlinePolicyIdentifier?: IamInlinePolicyIdentifierType;
}

export interface IamPolicyRole {
  RoleName?: string;
  RoleId?: string;
}

export interface IamPolicyUser {
  UserName?: string;
  UserId?: string;
}

export interface IamPolicyVersion {
  Document?: string;
  VersionId?: string;
  IsDefaultVersion?: boolean;
  CreateDate?: number;
}

export interface IamPosition {
  Line?: number;
  Column?: number;
}

export interface IamPutGroupPolicyRequest {
  GroupName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamPutRolePermissionsBoundaryRequest {
  RoleName: string;
  PermissionsBoundary: string;
}

export interface IamPutRolePolicyRequest {
  RoleName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamPutUserPermissionsBoundaryRequest {
  UserName: string;
  PermissionsBoundary: string;
}

export interface IamPutUserPolicyRequest {
  UserName: string;
  PolicyName: string;
  PolicyDocument: string;
}

export interface IamRemoveClientIDFromOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  ClientID: string;
}

export interface IamRemoveUserFromGroupRequest {
  GroupName: string;
  UserName: string;
}

export interface IamResourceSpecificResult {
  EvalResourceName: string;
  EvalResourceDecision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  MatchedStatements?: IamStatement[];
  MissingContextValues?: string[];
  EvalDecisionDetails?: Record<string, 'allowed' | 'explicitDeny' | 'implicitDeny'>;
  PermissionsBoundaryDecisionDetail?: IamPermissionsBoundaryDecisionDetail;
}

export interface IamRole {
  Path: string;
  RoleName: string;
  RoleId: string;
  Arn: string;
  CreateDate: number;
  AssumeRolePolicyDocument?: string;
  Description?: string;
  MaxSessionDuration?: number;
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
  RoleLastUsed?: IamRoleLastUsed;
  SourceRoleTemplate?: IamSourceRoleTemplate;
}

export interface IamRoleDetail {
  Path?: string;
  RoleName?: string;
  RoleId?: string;
  Arn?: string;
  CreateDate?: number;
  AssumeRolePolicyDocument?: string;
  InstanceProfileList?: IamInstanceProfile[];
  RolePolicyList?: IamPolicyDetail[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
  RoleLastUsed?: IamRoleLastUsed;
}

export interface IamRoleLastUsed {
  LastUsedDate?: number;
  Region?: string;
}

export interface IamSSHPublicKeyMetadata {
  UserName: string;
  SSHPublicKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  UploadDate: number;
}

export interface IamServiceSpecificCredentialMetadata {
  UserName: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  ServiceUserName?: string;
  ServiceCredentialAlias?: string;
  CreateDate: number;
  ExpirationDate?: number;
  ServiceSpecificCredentialId: string;
  ServiceName: string;
}

export interface IamSetDefaultPolicyVersionRequest {
  PolicyArn: string;
  VersionId: string;
}

export interface IamSigningCertificate {
  UserName: string;
  CertificateId: string;
  CertificateBody: string;
  Status: 'Active' | 'Inactive' | 'Expired';
  UploadDate?: number;
}

export interface IamSimulateCustomPolicyRequest {
  PolicyInputList: string[];
  PermissionsBoundaryPolicyInputList?: string[];
  OrderedOrganizationPolicyInputList?: IamOrderedOrganizationPolicyType[];
  ActionNames: string[];
  ResourceArns?: string[];
  ResourcePolicy?: string;
  ResourceOwner?: string;
  CallerArn?: string;
  ContextEntries?: IamContextEntry[];
  ResourceHandlingOption?: string;
  MaxItems?: number;
  Marker?: string;
}

export interface IamSimulatePolicyResponse {
  EvaluationResults?: IamEvaluationResult[];
  IsTruncated?: boolean;
  Marker?: string;
}

export interface IamSimulatePrincipalPolicyRequest {
  PolicySourceArn: string;
  PolicyInputList?: string[];
  PermissionsBoundaryPolicyInputList?: string[];
  PolicyExclusionList?: IamPolicyIdentifier[];
  ActionNames: string[];
  ResourceArns?: string[];
  ResourcePolicy?: string;
  ResourceOwner?: string;
  CallerArn?: string;
  ContextEntries?: IamContextEntry[];
  ResourceHandlingOption?: string;
  MaxItems?: number;
  Marker?: string;
}

export interface IamSourceRoleTemplate {
  TemplateArn: string;
  TemplateMinorVersion: number;
}

export interface IamStatement {
  SourcePolicyId?: string;
  SourcePolicyType?: 'user' | 'group' | 'role' | 'aws-managed' | 'user-managed' | 'resource' | 'none';
  StartPosition?: IamPosition;
  EndPosition?: IamPosition;
}

export interface IamTag {
  Key: string;
  Value: string;
}

export interface IamTagOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  Tags: IamTag[];
}

export interface IamTagPolicyRequest {
  PolicyArn: string;
  Tags: IamTag[];
}

export interface IamTagRoleRequest {
  RoleName: string;
  Tags: IamTag[];
}

export interface IamTagUserRequest {
  UserName: string;
  Tags: IamTag[];
}

export interface IamUntagOpenIDConnectProviderRequest {
  OpenIDConnectProviderArn: string;
  TagKeys: string[];
}

export interface IamUntagPolicyRequest {
  PolicyArn: string;
  TagKeys: string[];
}

export interface IamUntagRoleRequest {
  RoleName: string;
  TagKeys: string[];
}

export interface IamUntagUserRequest {
  UserName: string;
  TagKeys: string[];
}

export interface IamUpdateAccessKeyRequest {
  UserName?: string;
  AccessKeyId: string;
  Status: 'Active' | 'Inactive' | 'Expired';
}

export interface IamUpdateAssumeRolePolicyRequest {
  RoleName: string;
  PolicyDocument: string;
}

export interface IamUpdateGroupRequest {
  GroupName: string;
  NewPath?: string;
  NewGroupName?: string;
}

export interface IamUpdateOpenIDConnectProviderThumbprintRequest {
  OpenIDConnectProviderArn: string;
  ThumbprintList: string[];
}

export interface IamUpdateRoleDescriptionRequest {
  RoleName: string;
  Description: string;
}

export interface IamUpdateRoleDescriptionResponse {
  Role?: IamRole;
}

export interface IamUpdateRoleRequest {
  RoleName: string;
  Description?: string;
  MaxSessionDuration?: number;
}

export interface IamUpdateUserRequest {
  UserName: string;
  NewPath?: string;
  NewUserName?: string;
}

export interface IamUser {
  Path: string;
  UserName: string;
  UserId: string;
  Arn: string;
  CreateDate: number;
  PasswordLastUsed?: number;
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
}

export interface IamUserDetail {
  Path?: string;
  UserName?: string;
  UserId?: string;
  Arn?: string;
  CreateDate?: number;
  UserPolicyList?: IamPolicyDetail[];
  GroupList?: string[];
  AttachedManagedPolicies?: IamAttachedPolicy[];
  PermissionsBoundary?: IamAttachedPermissionsBoundary;
  Tags?: IamTag[];
}

export interface IamVirtualMFADevice {
  SerialNumber: string;
  Base32StringSeed?: string;
  QRCodePNG?: string;
  User?: IamUser;
  EnableDate?: number;
  Tags?: IamTag[];
}

export interface SsmAccountSharingInfo {
  AccountId?: string;
  SharedDocumentVersion?: string;
}

export interface SsmActivation {
  ActivationId?: string;
  Description?: string;
  DefaultInstanceName?: string;
  IamRole?: string;
  RegistrationLimit?: number;
  RegistrationsCount?: number;
  ExpirationDate?: number;
  Expired?: boolean;
  CreatedDate?: number;
  Tags?: SsmTag[];
}

export interface SsmAddTagsToResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
  Tags: SsmTag[];
}

export interface SsmAttachmentContent {
  Name?: string;
  Size?: number;
  Hash?: string;
  HashType?: 'Sha256';
  Url?: string;
}

export interface SsmAttachmentInformation {
  Name?: string;
}

export interface SsmAttachmentsSource {
  Key?: 'SourceUrl' | 'S3FileUrl' | 'AttachmentReference';
  Values?: string[];
  Name?: string;
}

export interface SsmCreateActivationRequest {
  Description?: string;
  DefaultInstanceName?: string;
  IamRole: string;
  RegistrationLimit?: number;
  ExpirationDate?: number;
  Tags?: SsmTag[];
  RegistrationMetadata?: SsmRegistrationMetadataItem[];
}

export interface SsmCreateActivationResult {
  ActivationId?: string;
  ActivationCode?: string;
}

export interface SsmCreateDocumentRequest {
  Content: string;
  Requires?: SsmDocumentRequires[];
  Attachments?: SsmAttachmentsSource[];
  Name: string;
  DisplayName?: string;
  VersionName?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
}

export interface SsmCreateDocumentResult {
  DocumentDescription?: SsmDocumentDescription;
}

export interface SsmCredentials {
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  ExpirationTime: number;
}

export interface SsmDeleteActivationRequest {
  ActivationId: string;
}

export interface SsmDeleteDocumentRequest {
  Name: string;
  DocumentVersion?: string;
  VersionName?: string;
  Force?: boolean;
}

export interface SsmDeregisterManagedInstanceRequest {
  InstanceId: string;
}

export interface SsmDescribeActivationsFilter {
  FilterKey?: 'ActivationIds' | 'DefaultInstanceName' | 'IamRole';
  FilterValues?: string[];
}

export interface SsmDescribeActivationsRequest {
  Filters?: SsmDescribeActivationsFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeActivationsResult {
  ActivationList?: SsmActivation[];
  NextToken?: string;
}

export interface SsmDescribeDocumentPermissionRequest {
  Name: string;
  PermissionType: 'Share';
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeDocumentPermissionResponse {
  AccountIds?: string[];
  AccountSharingInfoList?: SsmAccountSharingInfo[];
  NextToken?: string;
}

export interface SsmDescribeDocumentRequest {
  Name: string;
  DocumentVersion?: string;
  VersionName?: string;
}

export interface SsmDescribeDocumentResult {
  Document?: SsmDocumentDescription;
}

export interface SsmDescribeInstanceInformationRequest {
  InstanceInformationFilterList?: SsmInstanceInformationFilter[];
  Filters?: SsmInstanceInformationStringFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeInstanceInformationResult {
  InstanceInformationList?: SsmInstanceInformation[];
  NextToken?: string;
}

export interface SsmDescribeOpsItemsRequest {
  OpsItemFilters?: SsmOpsItemFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmDescribeOpsItemsResponse {
  NextToken?: string;
  OpsItemSummaries?: SsmOpsItemSummary[];
}

export interface SsmDescribeSessionsRequest {
  State: 'Active' | 'History';
  MaxResults?: number;
  NextToken?: string;
  Filters?: SsmSessionFilter[];
}

export interface SsmDescribeSessionsResponse {
  Sessions?: SsmSession[];
  NextToken?: string;
}

export interface SsmDocumentDefaultVersionDescription {
  Name?: string;
  DefaultVersion?: string;
  DefaultVersionName?: string;
}

export interface SsmDocumentDescription {
  Sha1?: string;
  Hash?: string;
  HashType?: 'Sha256' | 'Sha1';
  Name?: string;
  DisplayName?: string;
  VersionName?: string;
  Owner?: string;
  CreatedDate?: number;
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  DocumentVersion?: string;
  Description?: string;
  Parameters?: SsmDocumentParameter[];
  PlatformTypes?: ('Windows' | 'Linux' | 'MacOS')[];
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  SchemaVersion?: string;
  LatestVersion?: string;
  DefaultVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
  AttachmentsInformation?: SsmAttachmentInformation[];
  Requires?: SsmDocumentRequires[];
  Author?: string;
  ReviewInformation?: SsmReviewInformation[];
  ApprovedVersion?: string;
  PendingReviewVersion?: string;
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Category?: string[];
  CategoryEnum?: string[];
}

export interface SsmDocumentFilter {
  key: 'Name' | 'Owner' | 'PlatformTypes' | 'DocumentType';
  value: string;
}

export interface SsmDocumentIdentifier {
  Name?: string;
  CreatedDate?: number;
  DisplayName?: string;
  Owner?: string;
  VersionName?: string;
  PlatformTypes?: ('Windows' | 'Linux' | 'MacOS')[];
  DocumentVersion?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  SchemaVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
  Tags?: SsmTag[];
  Requires?: SsmDocumentRequires[];
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Author?: string;
}

export interface SsmDocumentKeyValuesFilter {
  Key?: string;
  Values?: string[];
}

export interface SsmDocumentParameter {
  Name?: string;
  Type?: 'String' | 'StringList';
  Description?: string;
  DefaultValue?: string;
}

export interface SsmDocumentRequires {
  Name: string;
  Version?: string;
  RequireType?: string;
  VersionName?: string;
}

export interface SsmDocumentVersionInfo {
  Name?: string;
  DisplayName?: string;
  DocumentVersion?: string;
  VersionName?: string;
  CreatedDate?: number;
  IsDefaultVersion?: boolean;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
}

export interface SsmGetAccessTokenRequest {
  AccessRequestId: string;
}

export interface SsmGetAccessTokenResponse {
  Credentials?: SsmCredentials;
  AccessRequestStatus?: 'Approved' | 'Rejected' | 'Revoked' | 'Expired' | 'Pending';
}

export interface SsmGetConnectionStatusRequest {
  Target: string;
}

export interface SsmGetConnectionStatusResponse {
  Target?: string;
  Status?: 'connected' | 'notconnected';
}

export interface SsmGetDocumentRequest {
  Name: string;
  VersionName?: string;
  DocumentVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
}

export interface SsmGetDocumentResult {
  Name?: string;
  CreatedDate?: number;
  DisplayName?: string;
  VersionName?: string;
  DocumentVersion?: string;
  Status?: 'Creating' | 'Active' | 'Updating' | 'Deleting' | 'Failed';
  StatusInformation?: string;
  Content?: string;
  DocumentType?: 'Command' | 'Policy' | 'Automation' | 'Session' | 'Package' | 'ApplicationConfiguration' | 'ApplicationConfigurationSchema' | 'DeploymentStrategy' | 'ChangeCalendar' | 'Automation.ChangeTemplate' | 'ProblemAnalysis' | 'ProblemAnalysisTemplate' | 'CloudFormation' | 'ConformancePackTemplate' | 'QuickSetup' | 'ManualApprovalPolicy' | 'AutoApprovalPolicy';
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  Requires?: SsmDocumentRequires[];
  AttachmentsContent?: SsmAttachmentContent[];
  ReviewStatus?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
}

export interface SsmGetInventoryRequest {
  Filters?: SsmInventoryFilter[];
  Aggregators?: SsmInventoryAggregator[];
  ResultAttributes?: SsmResultAttribute[];
  NextToken?: string;
  MaxResults?: number;
}

export interface SsmGetInventoryResult {
  Entities?: SsmInventoryResultEntity[];
  NextToken?: string;
}

export interface SsmGetOpsItemRequest {
  OpsItemId: string;
  OpsItemArn?: string;
}

export interface SsmGetOpsItemResponse {
  OpsItem?: SsmOpsItem;
}

export interface SsmInstanceAggregatedAssociationOverview {
  DetailedStatus?: string;
  InstanceAssociationStatusAggregatedCount?: Record<string, number>;
}

export interface SsmInstanceInformation {
  InstanceId?: string;
  PingStatus?: 'Online' | 'ConnectionLost' | 'Inactive';
  LastPingDateTime?: number;
  AgentVersion?: string;
  IsLatestVersion?: boolean;
  PlatformType?: 'Windows' | 'Linux' | 'MacOS';
  PlatformName?: string;
  PlatformVersion?: string;
  ActivationId?: string;
  IamRole?: string;
  RegistrationDate?: number;
  ResourceType?: 'ManagedInstance' | 'EC2Instance';
  Name?: string;
  IPAddress?: string;
  ComputerName?: string;
  AssociationStatus?: string;
  LastAssociationExecutionDate?: number;
  LastSuccessfulAssociationExecutionDate?: number;
  AssociationOverview?: SsmInstanceAggregatedAssociationOverview;
  SourceId?: string;
  SourceType?: 'AWS::EC2::Instance' | 'AWS::IoT::Thing' | 'AWS::SSM::ManagedInstance' | 'Microsoft.Compute/virtualMachines' | 'compute.googleapis.com/Instance';
  SourceLocation?: string;
}

export interface SsmInstanceInformationFilter {
  key: 'InstanceIds' | 'AgentVersion' | 'PingStatus' | 'PlatformTypes' | 'ActivationIds' | 'IamRole' | 'ResourceType' | 'AssociationStatus';
  valueSet: string[];
}

export interface SsmInstanceInformationStringFilter {
  Key: string;
  Values: string[];
}

export interface SsmInventoryAggregator {
}

export interface SsmInventoryFilter {
  Key: string;
  Values: string[];
  Type?: 'Equal' | 'NotEqual' | 'BeginWith' | 'LessThan' | 'GreaterThan' | 'Exists';
}

export interface SsmInventoryResultEntity {
  Id?: string;
  Data?: Record<string, SsmInventoryResultItem>;
}

export interface SsmInventoryResultItem {
  TypeName: string;
  SchemaVersion: string;
  CaptureTime?: string;
  ContentHash?: string;
  Content: Record<string, string>[];
}

export interface SsmListDocumentVersionsRequest {
  Name: string;
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmListDocumentVersionsResult {
  DocumentVersions?: SsmDocumentVersionInfo[];
  NextToken?: string;
}

export interface SsmListDocumentsRequest {
  DocumentFilterList?: SsmDocumentFilter[];
  Filters?: SsmDocumentKeyValuesFilter[];
  MaxResults?: number;
  NextToken?: string;
}

export interface SsmListDocumentsResult {
  DocumentIdentifiers?: SsmDocumentIdentifier[];
  NextToken?: string;
}

export interface SsmListTagsForResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
}

export interface SsmListTagsForResourceResult {
  TagList?: SsmTag[];
}

export interface SsmOpsItem {
  CreatedBy?: string;
  OpsItemType?: string;
  CreatedTime?: number;
  Description?: string;
  LastModifiedBy?: string;
  LastModifiedTime?: number;
  Notifications?: SsmOpsItemNotification[];
  Priority?: number;
  RelatedOpsItems?: SsmRelatedOpsItem[];
  Status?: 'Open' | 'InProgress' | 'Resolved' | 'Pending' | 'TimedOut' | 'Cancelling' | 'Cancelled' | 'Failed' | 'CompletedWithSuccess' | 'CompletedWithFailure' | 'Scheduled' | 'RunbookInProgress' | 'PendingChangeCalendarOverride' | 'ChangeCalendarOverrideApproved' | 'ChangeCalendarOverrideRejected' | 'PendingApproval' | 'Approved' | 'Revoked' | 'Rejected' | 'Closed';
  OpsItemId?: string;
  Version?: string;
  Title?: string;
  Source?: string;
  OperationalData?: Record<string, SsmOpsItemDataValue>;
  Category?: string;
  Severity?: string;
  ActualStartTime?: number;
  ActualEndTime?: number;
  PlannedStartTime?: number;
  PlannedEndTime?: number;
  OpsItemArn?: string;
}

export interface SsmOpsItemDataValue {
  Value?: string;
  Type?: 'SearchableString' | 'String';
}

export interface SsmOpsItemFilter {
  Key: 'Status' | 'CreatedBy' | 'Source' | 'Priority' | 'Title' | 'OpsItemId' | 'CreatedTime' | 'LastModifiedTime' | 'ActualStartTime' | 'ActualEndTime' | 'PlannedStartTime' | 'PlannedEndTime' | 'OperationalData' | 'OperationalDataKey' | 'OperationalDataValue' | 'ResourceId' | 'AutomationId' | 'Category' | 'Severity' | 'OpsItemType' | 'AccessRequestByRequesterArn' | 'AccessRequestByRequesterId' | 'AccessRequestByApproverArn' | 'AccessRequestByApproverId' | 'AccessRequestBySourceAccountId' | 'AccessRequestBySourceOpsItemId' | 'AccessRequestBySourceRegion' | 'AccessRequestByIsReplica' | 'AccessRequestByTargetResourceId' | 'ChangeRequestByRequesterArn' | 'ChangeRequestByRequesterName' | 'ChangeRequestByApproverArn' | 'ChangeRequestByApproverName' | 'ChangeRequestByTemplate' | 'ChangeRequestByTargetsResourceGroup' | 'InsightByType' | 'AccountId';
  Values: string[];
  Operator: 'Equal' | 'Contains' | 'GreaterThan' | 'LessThan';
}

export interface SsmOpsItemNotification {
  Arn?: string;
}

export interface SsmOpsItemSummary {
  CreatedBy?: string;
  CreatedTime?: number;
  LastModifiedBy?: string;
  LastModifiedTime?: number;
  Priority?: number;
  Source?: string;
  Status?: 'Open' | 'InProgress' | 'Resolved' | 'Pending' | 'TimedOut' | 'Cancelling' | 'Cancelled' | 'Failed' | 'CompletedWithSuccess' | 'CompletedWithFailure' | 'Scheduled' | 'RunbookInProgress' | 'PendingChangeCalendarOverride' | 'ChangeCalendarOverrideApproved' | 'ChangeCalendarOverrideRejected' | 'PendingApproval' | 'Approved' | 'Revoked' | 'Rejected' | 'Closed';
  OpsItemId?: string;
  Title?: string;
  OperationalData?: Record<string, SsmOpsItemDataValue>;
  Category?: string;
  Severity?: string;
  OpsItemType?: string;
  ActualStartTime?: number;
  ActualEndTime?: number;
  PlannedStartTime?: number;
  PlannedEndTime?: number;
}

export interface SsmRegistrationMetadataItem {
  Key: string;
  Value: string;
}

export interface SsmRelatedOpsItem {
  OpsItemId: string;
}

export interface SsmRemoveTagsFromResourceRequest {
  ResourceType: 'Document' | 'ManagedInstance' | 'MaintenanceWindow' | 'Parameter' | 'PatchBaseline' | 'OpsItem' | 'OpsMetadata' | 'Automation' | 'Association' | 'CloudConnector';
  ResourceId: string;
  TagKeys: string[];
}

export interface SsmResultAttribute {
  TypeName: string;
}

export interface SsmResumeSessionRequest {
  SessionId: string;
}

export interface SsmResumeSessionResponse {
  SessionId?: string;
  TokenValue?: string;
  StreamUrl?: string;
}

export interface SsmReviewInformation {
  ReviewedTime?: number;
  Status?: 'APPROVED' | 'NOT_REVIEWED' | 'PENDING' | 'REJECTED';
  Reviewer?: string;
}

export interface SsmSendAutomationSignalRequest {
  AutomationExecutionId: string;
  SignalType: 'Approve' | 'Reject' | 'StartStep' | 'StopStep' | 'Resume' | 'Revoke';
  Payload?: Record<string, string[]>;
}

export interface SsmSession {
  SessionId?: string;
  Target?: string;
  Status?: 'Connected' | 'Connecting' | 'Disconnected' | 'Terminated' | 'Terminating' | 'Failed';
  StartDate?: number;
  EndDate?: number;
  DocumentName?: string;
  Owner?: string;
  Reason?: string;
  Details?: string;
  OutputUrl?: SsmSessionManagerOutputUrl;
  MaxSessionDuration?: string;
  AccessType?: 'Standard' | 'JustInTime';
}

export interface SsmSessionFilter {
  key: string;
  value: string;
}

export interface SsmSessionManagerOutputUrl {
  S3OutputUrl?: string;
  CloudWatchOutputUrl?: string;
}

export interface SsmStartAccessRequestRequest {
  Reason: string;
  Targets: SsmTarget[];
  Tags?: SsmTag[];
}

export interface SsmStartAccessRequestResponse {
  AccessRequestId?: string;
}

export interface SsmStartSessionRequest {
  Target: string;
  DocumentName?: string;
  Reason?: string;
  Parameters?: Record<string, string[]>;
}

export interface SsmStartSessionResponse {
  SessionId?: string;
  TokenValue?: string;
  StreamUrl?: string;
}

export interface SsmTag {
  Key: string;
  Value: string;
}

export interface SsmTarget {
  Key?: string;
  Values?: string[];
}

export interface SsmTerminateSessionRequest {
  SessionId: string;
}

export interface SsmTerminateSessionResponse {
  SessionId?: string;
}

export interface SsmUpdateDocumentDefaultVersionRequest {
  Name: string;
  DocumentVersion: string;
}

export interface SsmUpdateDocumentDefaultVersionResult {
  Description?: SsmDocumentDefaultVersionDescription;
}

export interface SsmUpdateDocumentRequest {
  Content: string;
  Attachments?: SsmAttachmentsSource[];
  Name: string;
  DisplayName?: string;
  VersionName?: string;
  DocumentVersion?: string;
  DocumentFormat?: 'YAML' | 'JSON' | 'TEXT';
  TargetType?: string;
}

export interface SsmUpdateDocumentResult {
  DocumentDescription?: SsmDocumentDescription;
}

export interface SsmUpdateManagedInstanceRoleRequest {
  InstanceId: string;
  IamRole: string;
}

export interface StsGetCallerIdentityResponse {
  UserId?: string;
  Account?: string;
  Arn?: string;
}

export interface Operations {
  'cloudtrail/LookupEvents': { input: CloudtrailLookupEventsRequest; output: CloudtrailLookupEventsResponse };
  'ferryman/CreateInvitation': { input: FerrymanCreateInvitationRequest; output: FerrymanCreateInvitationResult };
  'ferryman/DeleteInvitation': { input: FerrymanDeleteInvitationRequest; output: Record<string, never> };
  'ferryman/DeleteRecording': { input: FerrymanDeleteRecordingRequest; output: FerrymanDeleteRecordingResponse };
  'ferryman/DeleteRecordingHold': { input: FerrymanDeleteRecordingHoldRequest; output: FerrymanDeleteRecordingHoldResponse };
  'ferryman/GetRecording': { input: FerrymanGetRecordingRequest; output: FerrymanGetRecordingResponse };
  'ferryman/GetRecordingEvents': { input: FerrymanGetRecordingEventsRequest; output: FerrymanGetRecordingEventsResponse };
  'ferryman/ListInvitations': { input: FerrymanListInvitationsRequest; output: FerrymanListInvitationsResult };
  'ferryman/ListRecordings': { input: FerrymanListRecordingsRequest; output: FerrymanListRecordingsResponse };
  'ferryman/ListWatchers': { input: FerrymanListWatchersRequest; output: FerrymanListWatchersResponse };
  'ferryman/PutRecordingHold': { input: FerrymanPutRecordingHoldRequest; output: FerrymanPutRecordingHoldResponse };
  'ferryman/SearchRecordings': { input: FerrymanSearchRecordingsRequest; output: FerrymanSearchRecordingsResponse };
  'ferryman/VerifyRecording': { input: FerrymanVerifyRecordingRequest; output: FerrymanVerifyRecordingResponse };
  'ferryman/WatchSession': { input: FerrymanWatchSessionRequest; output: FerrymanWatchSessionResponse };
  'iam/AddClientIDToOpenIDConnectProvider': { input: IamAddClientIDToOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/AddUserToGroup': { input: IamAddUserToGroupRequest; output: Record<string, never> };
  'iam/AttachGroupPolicy': { input: IamAttachGroupPolicyRequest; output: Record<string, never> };
  'iam/AttachRolePolicy': { input: IamAttachRolePolicyRequest; output: Record<string, never> };
  'iam/AttachUserPolicy': { input: IamAttachUserPolicyRequest; output: Record<string, never> };
  'iam/CreateAccessKey': { input: IamCreateAccessKeyRequest; output: IamCreateAccessKeyResponse };
  'iam/CreateGroup': { input: IamCreateGroupRequest; output: IamCreateGroupResponse };
  'iam/CreateOpenIDConnectProvider': { input: IamCreateOpenIDConnectProviderRequest; output: IamCreateOpenIDConnectProviderResponse };
  'iam/CreatePolicy': { input: IamCreatePolicyRequest; output: IamCreatePolicyResponse };
  'iam/CreatePolicyVersion': { input: IamCreatePolicyVersionRequest; output: IamCreatePolicyVersionResponse };
  'iam/CreateRole': { input: IamCreateRoleRequest; output: IamCreateRoleResponse };
  'iam/CreateUser': { input: IamCreateUserRequest; output: IamCreateUserResponse };
  'iam/DeleteAccessKey': { input: IamDeleteAccessKeyRequest; output: Record<string, never> };
  'iam/DeleteGroup': { input: IamDeleteGroupRequest; output: Record<string, never> };
  'iam/DeleteGroupPolicy': { input: IamDeleteGroupPolicyRequest; output: Record<string, never> };
  'iam/DeleteLoginProfile': { input: IamDeleteLoginProfileRequest; output: Record<string, never> };
  'iam/DeleteOpenIDConnectProvider': { input: IamDeleteOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/DeletePolicy': { input: IamDeletePolicyRequest; output: Record<string, never> };
  'iam/DeletePolicyVersion': { input: IamDeletePolicyVersionRequest; output: Record<string, never> };
  'iam/DeleteRole': { input: IamDeleteRoleRequest; output: Record<string, never> };
  'iam/DeleteRolePermissionsBoundary': { input: IamDeleteRolePermissionsBoundaryRequest; output: Record<string, never> };
  'iam/DeleteRolePolicy': { input: IamDeleteRolePolicyRequest; output: Record<string, never> };
  'iam/DeleteUser': { input: IamDeleteUserRequest; output: Record<string, never> };
  'iam/DeleteUserPermissionsBoundary': { input: IamDeleteUserPermissionsBoundaryRequest; output: Record<string, never> };
  'iam/DeleteUserPolicy': { input: IamDeleteUserPolicyRequest; output: Record<string, never> };
  'iam/DetachGroupPolicy': { input: IamDetachGroupPolicyRequest; output: Record<string, never> };
  'iam/DetachRolePolicy': { input: IamDetachRolePolicyRequest; output: Record<string, never> };
  'iam/DetachUserPolicy': { input: IamDetachUserPolicyRequest; output: Record<string, never> };
  'iam/GetAccessKeyLastUsed': { input: IamGetAccessKeyLastUsedRequest; output: IamGetAccessKeyLastUsedResponse };
  'iam/GetAccountAuthorizationDetails': { input: IamGetAccountAuthorizationDetailsRequest; output: IamGetAccountAuthorizationDetailsResponse };
  'iam/GetAccountSummary': { input: Record<string, never>; output: IamGetAccountSummaryResponse };
  'iam/GetContextKeysForCustomPolicy': { input: IamGetContextKeysForCustomPolicyRequest; output: IamGetContextKeysForPolicyResponse };
  'iam/GetContextKeysForPrincipalPolicy': { input: IamGetContextKeysForPrincipalPolicyRequest; output: IamGetContextKeysForPolicyResponse };
  'iam/GetGroup': { input: IamGetGroupRequest; output: IamGetGroupResponse };
  'iam/GetGroupPolicy': { input: IamGetGroupPolicyRequest; output: IamGetGroupPolicyResponse };
  'iam/GetLoginProfile': { input: IamGetLoginProfileRequest; output: IamGetLoginProfileResponse };
  'iam/GetOpenIDConnectProvider': { input: IamGetOpenIDConnectProviderRequest; output: IamGetOpenIDConnectProviderResponse };
  'iam/GetPolicy': { input: IamGetPolicyRequest; output: IamGetPolicyResponse };
  'iam/GetPolicyVersion': { input: IamGetPolicyVersionRequest; output: IamGetPolicyVersionResponse };
  'iam/GetRole': { input: IamGetRoleRequest; output: IamGetRoleResponse };
  'iam/GetRolePolicy': { input: IamGetRolePolicyRequest; output: IamGetRolePolicyResponse };
  'iam/GetUser': { input: IamGetUserRequest; output: IamGetUserResponse };
  'iam/GetUserPolicy': { input: IamGetUserPolicyRequest; output: IamGetUserPolicyResponse };
  'iam/ListAccessKeys': { input: IamListAccessKeysRequest; output: IamListAccessKeysResponse };
  'iam/ListAccountAliases': { input: IamListAccountAliasesRequest; output: IamListAccountAliasesResponse };
  'iam/ListAttachedGroupPolicies': { input: IamListAttachedGroupPoliciesRequest; output: IamListAttachedGroupPoliciesResponse };
  'iam/ListAttachedRolePolicies': { input: IamListAttachedRolePoliciesRequest; output: IamListAttachedRolePoliciesResponse };
  'iam/ListAttachedUserPolicies': { input: IamListAttachedUserPoliciesRequest; output: IamListAttachedUserPoliciesResponse };
  'iam/ListEntitiesForPolicy': { input: IamListEntitiesForPolicyRequest; output: IamListEntitiesForPolicyResponse };
  'iam/ListGroupPolicies': { input: IamListGroupPoliciesRequest; output: IamListGroupPoliciesResponse };
  'iam/ListGroups': { input: IamListGroupsRequest; output: IamListGroupsResponse };
  'iam/ListGroupsForUser': { input: IamListGroupsForUserRequest; output: IamListGroupsForUserResponse };
  'iam/ListInstanceProfilesForRole': { input: IamListInstanceProfilesForRoleRequest; output: IamListInstanceProfilesForRoleResponse };
  'iam/ListMFADevices': { input: IamListMFADevicesRequest; output: IamListMFADevicesResponse };
  'iam/ListOpenIDConnectProviderTags': { input: IamListOpenIDConnectProviderTagsRequest; output: IamListOpenIDConnectProviderTagsResponse };
  'iam/ListOpenIDConnectProviders': { input: Record<string, never>; output: IamListOpenIDConnectProvidersResponse };
  'iam/ListPolicies': { input: IamListPoliciesRequest; output: IamListPoliciesResponse };
  'iam/ListPolicyTags': { input: IamListPolicyTagsRequest; output: IamListPolicyTagsResponse };
  'iam/ListPolicyVersions': { input: IamListPolicyVersionsRequest; output: IamListPolicyVersionsResponse };
  'iam/ListRolePolicies': { input: IamListRolePoliciesRequest; output: IamListRolePoliciesResponse };
  'iam/ListRoleTags': { input: IamListRoleTagsRequest; output: IamListRoleTagsResponse };
  'iam/ListRoles': { input: IamListRolesRequest; output: IamListRolesResponse };
  'iam/ListSSHPublicKeys': { input: IamListSSHPublicKeysRequest; output: IamListSSHPublicKeysResponse };
  'iam/ListServiceSpecificCredentials': { input: IamListServiceSpecificCredentialsRequest; output: IamListServiceSpecificCredentialsResponse };
  'iam/ListSigningCertificates': { input: IamListSigningCertificatesRequest; output: IamListSigningCertificatesResponse };
  'iam/ListUserPolicies': { input: IamListUserPoliciesRequest; output: IamListUserPoliciesResponse };
  'iam/ListUserTags': { input: IamListUserTagsRequest; output: IamListUserTagsResponse };
  'iam/ListUsers': { input: IamListUsersRequest; output: IamListUsersResponse };
  'iam/ListVirtualMFADevices': { input: IamListVirtualMFADevicesRequest; output: IamListVirtualMFADevicesResponse };
  'iam/PutGroupPolicy': { input: IamPutGroupPolicyRequest; output: Record<string, never> };
  'iam/PutRolePermissionsBoundary': { input: IamPutRolePermissionsBoundaryRequest; output: Record<string, never> };
  'iam/PutRolePolicy': { input: IamPutRolePolicyRequest; output: Record<string, never> };
  'iam/PutUserPermissionsBoundary': { input: IamPutUserPermissionsBoundaryRequest; output: Record<string, never> };
  'iam/PutUserPolicy': { input: IamPutUserPolicyRequest; output: Record<string, never> };
  'iam/RemoveClientIDFromOpenIDConnectProvider': { input: IamRemoveClientIDFromOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/RemoveUserFromGroup': { input: IamRemoveUserFromGroupRequest; output: Record<string, never> };
  'iam/SetDefaultPolicyVersion': { input: IamSetDefaultPolicyVersionRequest; output: Record<string, never> };
  'iam/SimulateCustomPolicy': { input: IamSimulateCustomPolicyRequest; output: IamSimulatePolicyResponse };
  'iam/SimulatePrincipalPolicy': { input: IamSimulatePrincipalPolicyRequest; output: IamSimulatePolicyResponse };
  'iam/TagOpenIDConnectProvider': { input: IamTagOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/TagPolicy': { input: IamTagPolicyRequest; output: Record<string, never> };
  'iam/TagRole': { input: IamTagRoleRequest; output: Record<string, never> };
  'iam/TagUser': { input: IamTagUserRequest; output: Record<string, never> };
  'iam/UntagOpenIDConnectProvider': { input: IamUntagOpenIDConnectProviderRequest; output: Record<string, never> };
  'iam/UntagPolicy': { input: IamUntagPolicyRequest; output: Record<string, never> };
  'iam/UntagRole': { input: IamUntagRoleRequest; output: Record<string, never> };
  'iam/UntagUser': { input: IamUntagUserRequest; output: Record<string, never> };
  'iam/UpdateAccessKey': { input: IamUpdateAccessKeyRequest; output: Record<string, never> };
  'iam/UpdateAssumeRolePolicy': { input: IamUpdateAssumeRolePolicyRequest; output: Record<string, never> };
  'iam/UpdateGroup': { input: IamUpdateGroupRequest; output: Record<string, never> };
  'iam/UpdateOpenIDConnectProviderThumbprint': { input: IamUpdateOpenIDConnectProviderThumbprintRequest; output: Record<string, never> };
  'iam/UpdateRole': { input: IamUpdateRoleRequest; output: Record<string, never> };
  'iam/UpdateRoleDescription': { input: IamUpdateRoleDescriptionRequest; output: IamUpdateRoleDescriptionResponse };
  'iam/UpdateUser': { input: IamUpdateUserRequest; output: Record<string, never> };
  'ssm/AddTagsToResource': { input: SsmAddTagsToResourceRequest; output: Record<string, never> };
  'ssm/CreateActivation': { input: SsmCreateActivationRequest; output: SsmCreateActivationResult };
  'ssm/CreateDocument': { input: SsmCreateDocumentRequest; output: SsmCreateDocumentResult };
  'ssm/DeleteActivation': { input: SsmDeleteActivationRequest; output: Record<string, never> };
  'ssm/DeleteDocument': { input: SsmDeleteDocumentRequest; output: Record<string, never> };
  'ssm/DeregisterManagedInstance': { input: SsmDeregisterManagedInstanceRequest; output: Record<string, never> };
  'ssm/DescribeActivations': { input: SsmDescribeActivationsRequest; output: SsmDescribeActivationsResult };
  'ssm/DescribeDocument': { input: SsmDescribeDocumentRequest; output: SsmDescribeDocumentResult };
  'ssm/DescribeDocumentPermission': { input: SsmDescribeDocumentPermissionRequest; output: SsmDescribeDocumentPermissionResponse };
  'ssm/DescribeInstanceInformation': { input: SsmDescribeInstanceInformationRequest; output: SsmDescribeInstanceInformationResult };
  'ssm/DescribeOpsItems': { input: SsmDescribeOpsItemsRequest; output: SsmDescribeOpsItemsResponse };
  'ssm/DescribeSessions': { input: SsmDescribeSessionsRequest; output: SsmDescribeSessionsResponse };
  'ssm/GetAccessToken': { input: SsmGetAccessTokenRequest; output: SsmGetAccessTokenResponse };
  'ssm/GetConnectionStatus': { input: SsmGetConnectionStatusRequest; output: SsmGetConnectionStatusResponse };
  'ssm/GetDocument': { input: SsmGetDocumentRequest; output: SsmGetDocumentResult };
  'ssm/GetInventory': { input: SsmGetInventoryRequest; output: SsmGetInventoryResult };
  'ssm/GetOpsItem': { input: SsmGetOpsItemRequest; output: SsmGetOpsItemResponse };
  'ssm/ListDocumentVersions': { input: SsmListDocumentVersionsRequest; output: SsmListDocumentVersionsResult };
  'ssm/ListDocuments': { input: SsmListDocumentsRequest; output: SsmListDocumentsResult };
  'ssm/ListTagsForResource': { input: SsmListTagsForResourceRequest; output: SsmListTagsForResourceResult };
  'ssm/RemoveTagsFromResource': { input: SsmRemoveTagsFromResourceRequest; output: Record<string, never> };
  'ssm/ResumeSession': { input: SsmResumeSessionRequest; output: SsmResumeSessionResponse };
  'ssm/SendAutomationSignal': { input: SsmSendAutomationSignalRequest; output: Record<string, never> };
  'ssm/StartAccessRequest': { input: SsmStartAccessRequestRequest; output: SsmStartAccessRequestResponse };
  'ssm/StartSession': { input: SsmStartSessionRequest; output: SsmStartSessionResponse };
  'ssm/TerminateSession': { input: SsmTerminateSessionRequest; output: SsmTerminateSessionResponse };
  'ssm/UpdateDocument': { input: SsmUpdateDocumentRequest; output: SsmUpdateDocumentResult };
  'ssm/UpdateDocumentDefaultVersion': { input: SsmUpdateDocumentDefaultVersionRequest; output: SsmUpdateDocumentDefaultVersionResult };
  'ssm/UpdateManagedInstanceRole': { input: SsmUpdateManagedInstanceRoleRequest; output: Record<string, never> };
  'sts/GetCallerIdentity': { input: Record<string, never>; output: StsGetCallerIdentityResponse };
}

export type OperationName = keyof Operations;
