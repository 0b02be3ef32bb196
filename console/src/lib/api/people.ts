/** Users, groups, roles and policies, and what they may do. */

import { call, type Output } from './call';

type Details = Output<'iam/GetAccountAuthorizationDetails'>;
export type User = NonNullable<Details['UserDetailList']>[number];
export type Group = NonNullable<Details['GroupDetailList']>[number];
export type Role = NonNullable<Details['RoleDetailList']>[number];
export type Policy = NonNullable<Details['Policies']>[number];

export interface Account {
  users: User[];
  groups: Group[];
  roles: Role[];
  policies: Policy[];
}

export type Decision = Output<'iam/SimulatePrincipalPolicy'>['EvaluationResults'] extends (infer Result)[] | undefined
  ? Result
  : never;

/** A policy beside a user, group or role, or one of its own, as text. */
export function policyText(document: string | undefined): string {
  const text = decodeURIComponent(document ?? '');
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

export async function getAccount(signal?: AbortSignal): Promise<Account> {
  const account: Account = { users: [], groups: [], roles: [], policies: [] };
  let marker: string | undefined;
  do {
    const page: Details = await call(
      'iam/GetAccountAuthorizationDetails',
      { MaxItems: 1000, ...(marker ? { Marker: marker } : {}) },
      signal,
    );
    account.users.push(...(page.UserDetailList ?? []));
    account.groups.push(...(page.GroupDetailList ?? []));
    account.roles.push(...(page.RoleDetailList ?? []));
    account.policies.push(...(page.Policies ?? []));
    marker = page.IsTruncated ? page.Marker : undefined;
  } while (marker);
  return account;
}

/** Returns the text of a policy's default version. */
export function defaultText(policy: Policy): string {
  const version = policy.PolicyVersionList?.find((each) => each.IsDefaultVersion) ?? policy.PolicyVersionList?.[0];
  return policyText(version?.Document);
}

export function isBuiltIn(policy: Policy): boolean {
  return (policy.Arn ?? '').split(':')[4] === 'aws';
}

/** Simulates one action of one principal. */
export async function simulate(
  arn: string,
  action: string,
  resource: string,
  context: [string, string][],
  signal?: AbortSignal,
): Promise<Decision> {
  const answer = await call(
    'iam/SimulatePrincipalPolicy',
    {
      PolicySourceArn: arn,
      ActionNames: [action],
      ...(resource === '' ? {} : { ResourceArns: [resource] }),
      ...(context.length === 0
        ? {}
        : {
            ContextEntries: context.map(([ContextKeyName, value]) => ({
              ContextKeyName,
              ContextKeyValues: [value],
              ContextKeyType: 'string' as const,
            })),
          }),
    },
    signal,
  );
  return answer.EvaluationResults![0]!;
}

export const NEW_POLICY = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["ssm:StartSession"],
      "Resource": "*",
      "Condition": {"StringEquals": {"ssm:resourceTag/Environment": "Test"}}
    }
  ]
}`;
