import { capabilities } from './capabilities';
import type { Capability } from './capabilities';

/**
 * The {@link capabilities} table as a page of Markdown: `docs/dsql-support.md` is this text.
 */
export function capabilityPage(): string {
  const supported = capabilities.filter((row) => row.supported);
  const refused = capabilities.filter((row) => !row.supported);
  return [
    '# What Aurora DSQL supports',
    '',
    'This page is generated from the table `capabilities` of this package; a test fails when it is stale. DSQL gains',
    'something every month: where a row has become wrong, override it by its id, as in',
    "`capabilities: { 'set-not-null': true }`.",
    '',
    '## What it does',
    '',
    '<!-- prettier-ignore -->',
    '| id | what | since | how we know |',
    '| --- | --- | --- | --- |',
    ...supported.map((row) => cells([`\`${row.id}\``, row.what, row.since ?? '', evidence(row)])),
    '',
    '## What it refuses',
    '',
    '<!-- prettier-ignore -->',
    '| id | what | instead | how we know |',
    '| --- | --- | --- | --- |',
    ...refused.map((row) => cells([`\`${row.id}\``, row.what, row.instead ?? '', evidence(row)])),
    '',
  ].join('\n');
}

function evidence({ source, date, until }: Capability): string {
  return `${source}, ${date}${until === undefined ? '' : `; until ${until}`}`;
}

function cells(values: readonly string[]): string {
  return `| ${values.map((value) => value.replaceAll('|', '\\|')).join(' | ')} |`;
}
