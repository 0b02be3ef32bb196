/** The calls of IAM for a user, a group or a role, by one name for each thing that is done. */

import { call } from './call';
import { policyText, type Account } from './people';

export type PrincipalKind = 'users' | 'groups' | 'roles';

export interface Principal {
  kind: PrincipalKind;
  name: string;
  arn: string;
  created: number | undefined;
  groups: string[];
  members: string[];
  attached: { name: string; arn: string }[];
  inline: { name: string; text: string }[];
  boundary: string;
  /** A role's trust policy. */
  trust: string;
  tags: [string, string][];
}

/** Returns one of the account's principals, null if there is none of that name. */
export function principalOf(account: Account, kind: PrincipalKind, name: string): Principal | null {
  const attached = (list: { PolicyName?: string; PolicyArn?: string }[] | undefined) =>
    (list ?? []).map((each) => ({ name: each.PolicyName ?? '', arn: each.PolicyArn ?? '' }));
  const inline = (list: { PolicyName?: string; PolicyDocument?: string }[] | undefined) =>
    (list ?? []).map((each) => ({ name: each.PolicyName ?? '', text: policyText(each.PolicyDocument) }));
  const none = { kind, name, groups: [], members: [], boundary: '', trust: '', tags: [] as [string, string][] };
  const tags = (list: { Key: string; Value: string }[] | undefined) =>
    (list ?? []).map((each): [string, string] => [each.Key, each.Value]);
  if (kind === 'users') {
    const found = account.users.find((each) => each.UserName === name);
    return found === undefined
      ? null
      : {
          ...none,
          arn: found.Arn ?? '',
          created: found.CreateDate,
          groups: found.GroupList ?? [],
          attached: attached(found.AttachedManagedPolicies),
          inline: inline(found.UserPolicyList),
          boundary: found.PermissionsBoundary?.PermissionsBoundaryArn ?? '',
          tags: tags(found.Tags),
        };
  }
  if (kind === 'groups') {
    const found = account.groups.find((each) => each.GroupName === name);
    const members = account.users.filter((each) => each.GroupList?.includes(name)).map((each) => each.UserName ?? '');
    return found === undefined
      ? null
      : {
          ...none,
          arn: found.Arn ?? '',
          created: found.CreateDate,
          members,
          attached: attached(found.AttachedManagedPolicies),
          inline: inline(found.GroupPolicyList),
        };
  }
  const found = account.roles.find((each) => each.RoleName === name);
  return found === undefined
    ? null
    : {
        ...none,
        arn: found.Arn ?? '',
        created: found.CreateDate,
        attached: attached(found.AttachedManagedPolicies),
        inline: inline(found.RolePolicyList),
        boundary: found.PermissionsBoundary?.PermissionsBoundaryArn ?? '',
        trust: policyText(found.AssumeRolePolicyDocument),
        tags: tags(found.Tags),
      };
}

export async function attach(kind: PrincipalKind, name: string, PolicyArn: string): Promise<void> {
  if (kind === 'users') await call('iam/AttachUserPolicy', { UserName: name, PolicyArn });
  else if (kind === 'groups') await call('iam/AttachGroupPolicy', { GroupName: name, PolicyArn });
  else await call('iam/AttachRolePolicy', { RoleName: name, PolicyArn });
}

export async function detach(kind: PrincipalKind, name: string, PolicyArn: string): Promise<void> {
  if (kind === 'users') await call('iam/DetachUserPolicy', { UserName: name, PolicyArn });
  else if (kind === 'groups') await call('iam/DetachGroupPolicy', { GroupName: name, PolicyArn });
  else await call('iam/DetachRolePolicy', { RoleName: name, PolicyArn });
}

export async function putInline(
  kind: PrincipalKind,
  name: string,
  PolicyName: string,
  PolicyDocument: string,
): Promise<void> {
  if (kind === 'users') await call('iam/PutUserPolicy', { UserName: name, PolicyName, PolicyDocument });
  else if (kind === 'groups') await call('iam/PutGroupPolicy', { GroupName: name, PolicyName, PolicyDocument });
  else await call('iam/PutRolePolicy', { RoleName: name, PolicyName, PolicyDocument });
}

export async function deleteInline(kind: PrincipalKind, name: string, PolicyName: string): Promise<void> {
  if (kind === 'users') await call('iam/DeleteUserPolicy', { UserName: name, PolicyName });
  else if (kind === 'groups') await call('iam/DeleteGroupPolicy', { GroupName: name, PolicyName });
  else await call('iam/DeleteRolePolicy', { RoleName: name, PolicyName });
}

/** Removes a principal that nothing is left of: policies, keys and memberships go first. */
export async function deletePrincipal(principal: Principal): Promise<void> {
  const { kind, name } = principal;
  for (const { arn } of principal.attached) await detach(kind, name, arn);
  for (const { name: policy } of principal.inline) await deleteInline(kind, name, policy);
  for (const group of principal.groups) await call('iam/RemoveUserFromGroup', { GroupName: group, UserName: name });
  for (const member of principal.members) await call('iam/RemoveUserFromGroup', { GroupName: name, UserName: member });
  if (kind === 'users') {
    const { AccessKeyMetadata: keys } = await call('iam/ListAccessKeys', { UserName: name });
    for (const key of keys ?? []) await call('iam/DeleteAccessKey', { UserName: name, AccessKeyId: key.AccessKeyId! });
    await call('iam/DeleteUser', { UserName: name });
  } else if (kind === 'groups') await call('iam/DeleteGroup', { GroupName: name });
  else await call('iam/DeleteRole', { RoleName: name });
}
