import type { Statement } from '../../sql';
import { dataRow } from '../wire/server-messages';

/** What a cluster reported in September 2026, at start-up and to SHOW. */
export const SERVER_VERSION = '16.15';

const REPORTED: Readonly<Record<string, string>> = {
  server_version: SERVER_VERSION,
  server_version_num: '160015',
  client_min_messages: 'notice',
};

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
