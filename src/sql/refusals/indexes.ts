import { asNode } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { tokensOf } from '../text/scan';
import { GRAMMAR, GUIDE, RECORDED, REPORTED, rule, SKILL } from './rule';
import type { Place, StatementRule } from './rule';

/** Whether a `USING method` stands in the text; the tree says btree where there is none. */
function namesAccessMethod({ relation }: NodeBody<'IndexStmt'>, { source }: Place): boolean {
  let previous = '';
  for (const { value } of tokensOf(source.query, source.utf16(relation?.location ?? 0))) {
    if (value === '(') return false;
    // After a dot it is the name of the table: reserved words are allowed there.
    if (value === 'USING' && previous !== '.') return true;
    previous = value;
  }
  return false;
}

/** CREATE INDEX. */
export const indexes: readonly StatementRule[] = [
  rule('index-concurrently', 'IndexStmt', {
    what: 'CREATE INDEX CONCURRENTLY',
    message: 'CONCURRENTLY not supported for CREATE INDEX',
    ...SKILL,
    instead: 'CREATE INDEX ASYNC.',
    when: ({ concurrent }) => concurrent === true,
  }),
  rule('index-access-method', 'IndexStmt', {
    what: 'CREATE INDEX … USING method',
    message: 'USING not supported for CREATE INDEX',
    ...REPORTED,
    instead: 'Omit USING: there is one kind of index.',
    when: namesAccessMethod,
  }),
  rule('index-operator-class', 'IndexStmt', {
    what: 'CREATE INDEX … (column operator_class)',
    message: 'opclass not supported for index keys',
    ...SKILL,
    instead:
      'Omit the operator class: texts sort by their bytes, as with text_pattern_ops. Omit the index if it is for another kind of search.',
    when: ({ indexParams }) =>
      (indexParams ?? []).some((item) => asNode(item, 'IndexElem')?.opclass !== undefined),
  }),
  rule('index-sort-order', 'IndexStmt', {
    what: 'CREATE INDEX … (column ASC | DESC)',
    message: 'specifying sort order not supported for index keys',
    ...SKILL,
    instead: 'Omit ASC and DESC; NULLS FIRST and NULLS LAST are accepted.',
    when: ({ indexParams }) =>
      (indexParams ?? []).some((item) => {
        const order = asNode(item, 'IndexElem')?.ordering;
        return order === 'SORTBY_ASC' || order === 'SORTBY_DESC';
      }),
  }),
  rule('index-clause', 'IndexStmt', {
    what: 'CREATE INDEX … WITH (…), TABLESPACE',
    message: '{clause} not supported for CREATE INDEX',
    ...GRAMMAR,
    instead: 'Omit the clause.',
    when: ({ options, tableSpace }) => {
      if (options) return { clause: 'WITH' };
      return tableSpace !== undefined && { clause: 'TABLESPACE' };
    },
  }),
  rule('index-key-columns', 'IndexStmt', {
    what: 'an index over more than 8 columns',
    sqlstate: '54011',
    instead: 'An index of the columns that tell most rows apart, or several.',
    message: 'more than 8 column keys in an index are not supported',
    ...GUIDE,
    when: ({ indexParams }) => (indexParams?.length ?? 0) > 8,
  }),
  rule('index-without-async', 'IndexStmt', {
    what: 'CREATE INDEX without ASYNC (until SET disable_sync_create_index = off, and then only on an empty table)',
    message: 'unsupported mode. please use CREATE INDEX ASYNC.',
    ...RECORDED,
    instead: 'CREATE INDEX ASYNC, and wait until sys.jobs says that the job is completed.',
    when: (_index, { source }) => !source.async,
  }),
];
