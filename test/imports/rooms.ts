/** One folder of `src`: what it may import, and what others may import of it. */
export interface Room {
  /** The rooms that its files may import, by their entries. */
  readonly imports: readonly string[];
  /** The files, without `.ts`, that other rooms may import; `index` unless it says otherwise. */
  readonly entries?: readonly string[];
  /** Files that load modules whose names only a user's project knows, by `import()` or `require()` of an expression. */
  readonly computed?: readonly string[];
}

/** The arrows of the architecture. CONTRIBUTING.md shows the same table, and a test compares the two. */
export const rooms: Readonly<Record<string, Room>> = {
  node: { imports: [], entries: ['index', 'peers/pg', 'peers/typeorm', 'peers/sequelize', 'peers/umzug'] },
  sql: { imports: [] },
  connection: { imports: ['sql', 'node'], entries: ['index', 'without-driver'] },
  occ: { imports: ['connection', 'sql'], entries: ['index', 'public-errors'] },
  schema: { imports: ['occ', 'connection', 'sql'], entries: ['index', 'shared-exports', 'for-check'] },
  migrate: { imports: ['schema', 'occ', 'connection', 'sql', 'node'], entries: ['index', 'for-orms'] },
  typeorm: { imports: ['migrate', 'schema', 'occ', 'connection', 'sql', 'node'] },
  sequelize: { imports: ['migrate', 'schema', 'occ', 'connection', 'sql', 'node'] },
  check: { imports: ['typeorm', 'sequelize', 'schema', 'sql'], computed: ['sources/load-module'] },
  local: { imports: ['sql', 'node'] },
  cli: { imports: ['check', 'migrate', 'schema', 'local', 'connection', 'sql', 'node'] },
};

/** What a file beside the rooms may import: `src/index.ts` is the entry point that belongs to no room. */
export const besideRooms: Room = { imports: ['connection', 'occ', 'node'] };
