import { refusalOf, refusals } from '../refusals';
import { offsetOfCharacter } from '../syntax/read-sources';
import type { QuerySyntaxError, TableName } from '../syntax/statement';
import type { OwnRefusal } from './context';
import type { PreparedText } from './text/prepare-text';
import type { StatementText } from './text/statement-text';
import type { Piece } from './transactions';
import type {
  DsqlStatement,
  OmittedStatement,
  PartialTranslation,
  Translation,
  TranslationRefusal,
} from './translation';

/** Collects what a translation has to say, with places in the source. */
export class Report {
  readonly refusals: TranslationRefusal[] = [];
  readonly #omitted: OmittedStatement[] = [];
  readonly #partial: PartialTranslation[] = [];
  readonly #source: string;
  readonly #text: PreparedText;

  constructor(source: string, text: PreparedText) {
    this.#source = source;
    this.#text = text;
  }

  /** Refuses the text for what PostgreSQL's parser cannot read. */
  refuseSyntax({ position, sqlstate, message }: QuerySyntaxError): void {
    this.#add({
      rule: 'syntax-error',
      what: 'a text that PostgreSQL cannot read',
      offset: offsetOfCharacter(this.#text.sql, position ?? 1),
      end: this.#source.length,
      why: 'PostgreSQL reports a syntax error, and so does DSQL.',
      since: 'PostgreSQL 16 grammar',
      sqlstate,
      message,
    });
  }

  /** What was refused of a statement so far. */
  refusalsOf(source: StatementText): readonly TranslationRefusal[] {
    const { start, end } = this.#range(source);
    return this.refusals.filter((refusal) => refusal.start >= start && refusal.end <= end);
  }

  omit(source: StatementText, why: string): void {
    this.#omitted.push({ ...this.#range(source), why });
  }

  /** Notes what is left of a statement of which something is refused. */
  keepPartial(source: StatementText, sql: string): void {
    this.#partial.push({ ...this.#range(source), sql });
  }

  refuse(source: StatementText, { message, ...refusal }: OwnRefusal & { readonly message?: string }): void {
    const row = refusals.find(({ id }) => id === refusal.rule);
    if (!row) throw new RangeError(`There is no refusal rule "${refusal.rule}".`);
    const instead = refusal.instead ?? row.instead;
    this.#add({
      rule: row.id,
      what: row.what,
      offset: refusal.at ?? source.firstToken,
      end: this.#text.offsetInSource(source.end),
      why: refusal.why ?? `DSQL refuses ${row.what}.`,
      since: `${row.source}, ${row.date}`,
      ...(instead !== undefined && { instead }),
      sqlstate: row.sqlstate,
      message: message ?? refusalOf(row.id, refusal.parts).message,
    });
  }

  /** Refuses what an option says that DSQL cannot do. */
  lack(source: StatementText, capability: string, offset: number | undefined): void {
    this.#add({
      rule: capability,
      what: capability,
      offset: offset ?? source.firstToken,
      end: this.#text.offsetInSource(source.end),
      why: `The option capabilities says that there is no "${capability}".`,
      since: 'the option capabilities',
      sqlstate: '0A000',
      message: `${capability} not supported`,
    });
  }

  #add({
    offset,
    ...refusal
  }: Omit<TranslationRefusal, 'start' | 'line' | 'column'> & { readonly offset: number }): void {
    const start = this.#text.offsetInSource(offset);
    const before = this.#source.slice(0, start);
    const line = before.split('\n').length;
    const column = start - before.lastIndexOf('\n');
    const isKnown = this.refusals.some(
      (known) => known.rule === refusal.rule && known.start === start && known.message === refusal.message,
    );
    if (!isKnown) this.refusals.push({ ...refusal, start, line, column });
  }

  translation(pieces: readonly Piece[], unknownKeys: ReadonlyMap<string, TableName>): Translation {
    const statements = pieces.flatMap(({ source, parts }) =>
      parts.map(({ draft, kind }): DsqlStatement => ({
        sql: draft.sql,
        kind,
        notes: draft.notes ?? [],
        ...(draft.repeat && { repeat: draft.repeat }),
        ...this.#range(source),
      })),
    );
    return {
      statements,
      refusals: this.refusals,
      partial: this.#partial,
      omitted: [
        ...this.#omitted,
        ...this.#text.merged.map(({ what, ...range }) => ({
          ...range,
          why: `${what} went into CREATE TABLE.`,
        })),
      ].sort((a, b) => a.start - b.start),
      unknownKeys: [...unknownKeys.values()],
    };
  }

  #range({ start, end }: StatementText): { readonly start: number; readonly end: number } {
    return { start: this.#text.offsetInSource(start), end: this.#text.offsetInSource(end) };
  }
}
