import type { DsqlStatement, TableName } from '../../sql';
import type { ResolvedMapping } from '../orm-options';
import type { ReadTables } from '../catalogue/read-tables';
import type { EnumTypes } from './enum-types';

/** What there is to know for planning a change of the schema. */
export interface Planning {
  /** Who has written the text: the ORM, a user, or a user in a migration. */
  readonly author: 'ORM' | 'user' | 'migration';
  readonly mapping: ResolvedMapping;
  /** The enum types of the history that the text belongs to. */
  readonly enums: EnumTypes;
  /** The views that the text drops before, by their names. */
  readonly droppedViews?: ReadonlySet<string>;
  readonly readTables: ReadTables;
  /** Reads anything else. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
}

/** What is done in the place of a text. */
export interface PlannedChange {
  readonly statements: readonly DsqlStatement[];
  /** What a person should know of it. */
  readonly notes: readonly string[];
  /** The table that is copied. */
  readonly copied?: TableName;
}

/** Changes that are done one after the other, as one. */
export function together(changes: readonly PlannedChange[]): PlannedChange {
  const copied = changes.find((change) => change.copied !== undefined)?.copied;
  return {
    statements: changes.flatMap(({ statements }) => statements),
    notes: changes.flatMap(({ notes }) => notes),
    ...(copied !== undefined && { copied }),
  };
}

/** What is sent in the place of a text, and what a person should know of it, for the log. */
export function sentInstead({ statements, notes }: PlannedChange): string {
  const sent = statements.length === 0 ? 'nothing' : statements.map(({ sql }) => sql).join('; ');
  const remarks = notes.length === 0 ? '' : ` (${[...new Set(notes)].join(' ')})`;
  return `${sent}${remarks}`;
}
