/** The account's session preferences: a document of its own, or the built-in one. */

import { call } from './call';

export const DOCUMENT = 'SSM-SessionManagerRunShell';

export interface Version {
  version: string;
  name: string;
  createdAt: number | undefined;
  isDefault: boolean;
}

export interface Preferences {
  /** The JSON, formatted. */
  content: string;
  /** Whether the account has its own; otherwise the built-in ones hold. */
  own: boolean;
  versions: Version[];
}

export function formatted(content: string): string {
  try {
    return JSON.stringify(JSON.parse(content), null, 2);
  } catch {
    return content;
  }
}

export async function getPreferences(signal?: AbortSignal): Promise<Preferences> {
  const { Document: about } = await call('ssm/DescribeDocument', { Name: DOCUMENT }, signal);
  const own = about?.Owner !== 'Amazon';
  const versions = own ? await listVersions(signal) : [];
  return { content: await getVersion('$DEFAULT', signal), own, versions };
}

export async function getVersion(version: string, signal?: AbortSignal): Promise<string> {
  const answer = await call(
    'ssm/GetDocument',
    { Name: DOCUMENT, DocumentVersion: version, DocumentFormat: 'JSON' },
    signal,
  );
  return formatted(answer.Content ?? '');
}

/** Saves new preferences, which hold from the next session on. */
export async function save(content: string, own: boolean): Promise<void> {
  if (!own) {
    await call('ssm/CreateDocument', {
      Name: DOCUMENT,
      DocumentType: 'Session',
      DocumentFormat: 'JSON',
      Content: content,
    });
    return;
  }
  const answer = await call('ssm/UpdateDocument', {
    Name: DOCUMENT,
    DocumentVersion: '$LATEST',
    DocumentFormat: 'JSON',
    Content: content,
  });
  await use(answer.DocumentDescription!.DocumentVersion!);
}

/** Makes a version the one that holds. */
export async function use(version: string): Promise<void> {
  await call('ssm/UpdateDocumentDefaultVersion', { Name: DOCUMENT, DocumentVersion: version });
}

async function listVersions(signal?: AbortSignal): Promise<Version[]> {
  const versions: Version[] = [];
  let next: string | undefined;
  do {
    const page = await call(
      'ssm/ListDocumentVersions',
      { Name: DOCUMENT, MaxResults: 50, ...(next ? { NextToken: next } : {}) },
      signal,
    );
    for (const each of page.DocumentVersions ?? []) {
      versions.push({
        version: each.DocumentVersion ?? '',
        name: each.VersionName ?? '',
        createdAt: each.CreatedDate,
        isDefault: each.IsDefaultVersion === true,
      });
    }
    next = page.NextToken;
  } while (next);
  return versions.sort((one, other) => Number(other.version) - Number(one.version));
}
