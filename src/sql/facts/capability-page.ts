import { refusals } from '../refusals';
import type { RefusalRule } from '../refusals';
import { alterTable } from '../refusals/alter-table';
import { definitions } from '../refusals/definitions';
import { indexes } from '../refusals/indexes';
import { queries } from '../refusals/queries';
import { roles } from '../refusals/roles';
import { sequences } from '../refusals/sequences';
import { tables } from '../refusals/tables';
import { transactions } from '../refusals/transactions';
import { unsupported } from '../refusals/unsupported';
import { capabilities } from './capabilities';
import type { Capability } from './capabilities';

/** The subjects of what is refused; whatever is in none of them depends on more than the statement. */
const subjects: readonly (readonly [heading: string, rules: readonly RefusalRule[]])[] = [
  ['Statements', unsupported],
  ['Transactions and parameters', transactions],
  ['CREATE TABLE', tables],
  ['Indexes', indexes],
  ['ALTER TABLE', alterTable],
  ['Sequences', sequences],
  ['Types, functions, views and other objects', definitions],
  ['Roles and privileges', roles],
  ['Queries', queries],
];

const LINE_LENGTH = 118;

/** The longest text of a cell: with id and number, its row still fits into a line. */
const CELL_LENGTH = 72;

/**
 * The {@link capabilities} table as a page of Markdown: `docs/dsql-support.md` is this text.
 */
export function capabilityPage(): string {
  const sources = [...new Set(capabilities.map(evidence))];
  const note = (row: Capability) => String(sources.indexOf(evidence(row)) + 1);
  const bySubject = new Set(subjects.flatMap(([, rules]) => rules));
  const sections = [
    ...subjects,
    ['Limits, and what depends on the data', refusals.filter((rule) => !bySubject.has(rule))] as const,
  ];
  return [
    '# What Aurora DSQL supports',
    '',
    'This page is generated from the table `capabilities` of this package; a test fails when it is stale. DSQL gains',
    'something every month. Where a row is wrong for your cluster, override it by its id:',
    '',
    '```ts',
    "createDsqlDataSource({ host, dsql: { capabilities: { 'set-not-null': true } } });",
    '```',
    '',
    '<!-- prettier-ignore-start -->',
    '## How we know',
    '',
    'The numbers on this page stand for:',
    '',
    ...sources.map((source, index) => `${String(index + 1)}. ${source}`),
    '',
    '## What it does',
    '',
    ...table(['id', 'what', 'since', 'known by'], capabilities.filter(isSupported), (row) => [
      row.since ?? '',
      note(row),
    ]),
    '## What it refuses',
    '',
    ...sections.flatMap(([heading, rules]) => refusedSection(heading, rules, note)),
    '<!-- prettier-ignore-end -->',
    '',
  ].join('\n');
}

function isSupported({ supported }: Capability): boolean {
  return supported;
}

function evidence({ source, date, until }: Capability): string {
  return `${source}, ${date}${until === undefined ? '' : `; until ${until}`}`;
}

/** What has a replacement, or takes a sentence, is an item of a list; everything else is a row of a table. */
function refusedSection(
  heading: string,
  rules: readonly RefusalRule[],
  note: (row: Capability) => string,
): string[] {
  const ids = new Set(rules.map(({ id }) => id));
  const rows = capabilities.filter(({ id }) => ids.has(id));
  const isItem = ({ what, instead }: Capability) => instead !== undefined || what.length > CELL_LENGTH;
  const items = rows.filter(isItem);
  const others = rows.filter((row) => !isItem(row));
  return [
    `### ${heading}`,
    '',
    ...items.flatMap((row) => [
      ...wrapped(`- \`${row.id}\` (${note(row)}): ${row.what}`),
      ...(row.instead === undefined ? [] : wrapped(`  - Instead: ${row.instead}`)),
    ]),
    ...(items.length === 0 ? [] : ['']),
    ...(others.length === 0 ? [] : table(['id', 'what', 'known by'], others, (row) => [note(row)])),
  ];
}

/** A table of the rows' ids, of what they are about, and of what `rest` says of them, with a blank line after it. */
function table(
  head: readonly string[],
  rows: readonly Capability[],
  rest: (row: Capability) => readonly string[],
): string[] {
  return [
    cells(head),
    cells(head.map(() => '---')),
    ...rows.map((row) => cells([`\`${row.id}\``, row.what, ...rest(row)])),
    '',
  ];
}

function cells(values: readonly string[]): string {
  return `| ${values.map((value) => value.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** An item of a list, in lines that go on below its text. */
export function wrapped(item: string): string[] {
  const indent = ' '.repeat(item.search(/[^- ]/));
  const lines: string[] = [];
  let line = item;
  while (line.length > LINE_LENGTH) {
    const end = line.lastIndexOf(' ', LINE_LENGTH);
    if (end <= indent.length) break;
    lines.push(line.slice(0, end));
    line = indent + line.slice(end + 1);
  }
  return [...lines, line];
}
