import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import { AbstractLogger, type DataSource, type LogLevel, type LogMessage } from 'typeorm';

/** Keeps what a data source sends. */
export class RecordedStatements extends AbstractLogger {
  readonly sent: string[] = [];
  /** What the schema builder says. */
  readonly told: string[] = [];

  /** What is not a read, since the last look. */
  takeChanges(): string[] {
    return this.sent.splice(0).filter((sql) => !/^\s*(?:SELECT|WITH)\b/i.test(sql));
  }

  protected override writeLog(_level: LogLevel, message: LogMessage | LogMessage[]): void {
    for (const { type, message: text } of [message].flat()) {
      if (type === 'query') this.sent.push(String(text).replace(/ -- PARAMETERS: .*$/s, ''));
      if (type === 'schema-build') this.told.push(String(text));
    }
  }
}

/** A data source, and what it sends. */
export interface Watched {
  readonly dataSource: DataSource;
  readonly statements: RecordedStatements;
}

/** Gives a connected data source to some work, and closes it after it. */
export async function withDataSource<Result>(
  options: DsqlDataSourceOptions,
  work: (watched: Watched) => Promise<Result>,
): Promise<Result> {
  const statements = new RecordedStatements(['query', 'schema']);
  const dataSource = createDsqlDataSource({ ...options, logger: statements });
  await dataSource.initialize();
  try {
    return await work({ dataSource, statements });
  } finally {
    await dataSource.destroy();
  }
}

/** The statements of `schema:log`, and what a synchronize sends beside reads. */
export async function differences({
  dataSource,
  statements,
}: Watched): Promise<{ planned: string[]; sent: string[] }> {
  const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
  statements.takeChanges();
  await dataSource.synchronize();
  return { planned: upQueries.map(({ query }) => query), sent: statements.takeChanges() };
}

/** What {@link differences} finds where there are none. */
export const none = { planned: [], sent: [] };
