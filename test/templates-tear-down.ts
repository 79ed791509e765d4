import { rmSync } from 'node:fs';

/** What Jest calls after all tests. */
export default function tearDown(): void {
  const { DSQL_TEST_TEMPLATES: directory } = process.env;
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}
