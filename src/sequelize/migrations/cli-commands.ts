import path from 'node:path';
import type { Sequelize } from 'sequelize';
import { UnsupportedFeatureError } from '../../occ';

/** The commands that make and drop databases, of which a cluster has one. */
const DATABASE_COMMANDS: ReadonlySet<string> = new Set(['db:create', 'db:drop']);

/**
 * The arguments of sequelize-cli; none where a process is another program.
 *
 * @param argv - of the process
 */
export function argumentsOfCli([, program = '', ...args]: readonly string[]): readonly string[] {
  return /^sequelize(?:-cli)?$/.test(path.parse(program).name) ? args : [];
}

/**
 * Refuses `db:create` and `db:drop` of sequelize-cli, which quotes the name of the database first: where the configuration
 * has none, that is a TypeError.
 *
 * @param argv - of the process
 */
export function refuseDatabaseCommands(sequelize: Sequelize, argv: readonly string[]): void {
  if (!argumentsOfCli(argv).some((each) => DATABASE_COMMANDS.has(each))) return;
  const { queryGenerator } = sequelize.getQueryInterface() as unknown as { readonly queryGenerator: object };
  const quoteIdentifier = () => {
    throw new UnsupportedFeatureError(
      'db:create and db:drop',
      'A cluster has one database, `postgres`, which is there from the beginning: run db:migrate.',
    );
  };
  Object.assign(queryGenerator, { quoteIdentifier });
}
