/** A place in a file; lines and columns are 1-based, columns count UTF-16 units. */
export interface Location {
  /** An absolute path. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** SQL that reaches the database in one piece: one query string, the statements of one call, or a whole file. */
export interface SqlText {
  readonly sql: string;
  /**
   * Who has written it: `person` wrote it as it is, and it is sent so; `orm` made it of a call or of a model, and the
   * entry points of this package translate it before they send it; `stock` is made by an ORM that knows nothing of DSQL.
   */
  readonly author: 'person' | 'orm' | 'stock';
  /** Whether the entry point that a person's text goes through translates it where it can: a runner of migrations does. */
  readonly isTranslated?: boolean;
  /** Whether several statements in it are one transaction, as in a query string; a script sends them one by one. */
  readonly isOneQuery: boolean;
  /** Whether an entry point gives columns in it the type of the key that they reference. */
  readonly followsKeys?: boolean;
  /**
   * Tells where an offset of `sql` stands in a file.
   *
   * @param name - the column or table that stands there, for texts that are not written in any file
   */
  locate(offset: number, name?: string): Location;
}

/** A part of a text. */
export interface Place {
  readonly text: SqlText;
  /** In UTF-16 units of `text.sql`. */
  readonly offset: number;
  /** What stands there: the name of a column, or of a table. */
  readonly name: string;
}
