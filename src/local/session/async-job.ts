import type { BackendLink } from './backend-link';

export async function beginJob(link: BackendLink): Promise<string | undefined> {
  const [row] = await link.hidden('select dsql_internal.begin_job()');
  return row?.[0] ?? undefined;
}
