import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Names, Ran } from '../run-block';

/** What the blocks of a page are run on. */
export interface Setting {
  readonly local: LocalDsql;
  /** Sends a statement as `admin`, and returns its rows. */
  readonly query: (statement: string) => Promise<readonly unknown[]>;
  /** The working folder, which is the page's own. */
  readonly folder: string;
}

/** What one block needs besides what its page has. */
export interface Surroundings {
  readonly names?: Names;
  /** What the page says will be there, and is not: addresses, for example. */
  readonly replaced?: readonly (readonly [string, string])[];
  /** Looks at what the block has done. */
  readonly after?: (ran: Ran) => unknown;
}

/** The surroundings of a page's blocks, which readers of the page have in their own projects. */
export interface Page {
  /** Prepares the database, and returns what the blocks use and do not define. */
  readonly open?: (setting: Setting) => Promise<Names>;
  /** By the heading of a block, for those that need more; several of one heading share it. */
  readonly under?: Readonly<
    Record<string, (setting: Setting, names: Names) => Surroundings | Promise<Surroundings>>
  >;
}
