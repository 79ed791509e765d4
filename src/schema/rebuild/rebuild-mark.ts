import type { ResolvedMapping } from '../orm-options';

/** How a table is rebuilt. */
export interface RebuildSettings {
  /** Whether the old table is dropped in the end. */
  readonly dropOld: boolean;
}

const BY_COPY = '/* by a copy */';
const BY_COPY_AND_DROP = '/* by a copy, dropping the old table */';
const MARK = /\/\*\s*by a copy(, dropping the old table)?\s*\*\//;

/** An ALTER TABLE that is to be carried out by a rebuild where it has to be, whatever the options say. */
export function markedByCopy(sql: string, { dropOld }: RebuildSettings): string {
  return `${sql} ${dropOld ? BY_COPY_AND_DROP : BY_COPY}`;
}

/** An ALTER TABLE without what {@link markedByCopy} has added to it. */
export function withoutMark(sql: string): string {
  return sql.replace(MARK, '').trim();
}

/** Whether {@link markedByCopy} has made a text. */
export function isMarkedByCopy(sql: string): boolean {
  return MARK.test(sql);
}

/** Whether a text may be carried out by a rebuild, and how: as the text says, or the options. */
export function rebuildSettings(text: string, { rebuild }: ResolvedMapping): RebuildSettings | undefined {
  const mark = MARK.exec(text);
  if (mark !== null) return { dropOld: mark[1] !== undefined };
  if (rebuild === false) return undefined;
  return { dropOld: rebuild !== true && rebuild.dropOld };
}
