import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * What Jest calls before all tests: their local DSQLs are made from one data directory. Its workers and the processes that
 * tests start learn of it by the environment; the second variable says to the tear-down that the folder is ours.
 */
export default function setUp(): void {
  if (process.env.DSQL_LOCAL_PG_TEMPLATES !== undefined) return;
  process.env.DSQL_LOCAL_PG_TEMPLATES = process.env.DSQL_TEST_TEMPLATES = mkdtempSync(
    path.join(os.tmpdir(), 'dsql-templates-'),
  );
}
