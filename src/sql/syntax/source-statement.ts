/** A parsed statement together with the text that its locations refer to. */
export interface SourceStatement {
  readonly node: string;
  readonly body: object;
  readonly async: boolean;
  /** The whole query, DSQL's own words blanked. */
  readonly query: string;
  /** Where the statement begins and ends in `query`, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Turns a location of the parse tree, in UTF-8 bytes of `query`, into UTF-16 units. */
  readonly utf16: (byteOffset: number) => number;
}
