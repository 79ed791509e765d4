import type { Statement } from '../../sql';
import { dataRow } from '../wire/server-messages';

/** What a cluster reported in September 2026, at start-up and to SHOW. */
export const SERVER_VERSION = '16.15';

const REPORTED: Readonly<Record<string, string>> = {
  server_version: SERVER_VERSION,
  server_version_num: '160015',
  client_min_messages: 'notice',
};

/** Parameters that PostgreSQL does not know, and what it keeps for us under a name with a dot in place of theirs. */
export const KEPT_SETTINGS: ReadonlyMap<string, { readonly keptAs: string; readonly initially: string }> =
  new Map([
    ['disable_sync_create_index', { keptAs: 'dsql.disable_sync_create_index', initially: 'on' }],
    // On or off at first was never recorded.
    ['dsql.enable_batched_nestloop', { keptAs: 'dsql.enable_batched_nestloop', initially: 'on' }],
  ]);

/** The name of a setting that is to be shown, if PostgreSQL keeps it under another. */
export function keptSetting({ node, tree }: Statement): string | undefined {
  if (node !== 'VariableShowStmt') return undefined;
  const name = (tree as { readonly name?: string }).name?.toLowerCase() ?? '';
  return KEPT_SETTINGS.has(name) ? name : undefined;
}

/**
 * The row that SHOW must answer with, where it is not PostgreSQL's own: settings that are compiled into it, and
 * one that we have changed for ourselves.
 */
export function reportedSetting({ node, tree }: Statement): Buffer | undefined {
  if (node !== 'VariableShowStmt') return undefined;
  const { name = '' } = tree as { readonly name?: string };
  const value = REPORTED[name.toLowerCase()];
  return value === undefined ? undefined : dataRow([value]);
}
