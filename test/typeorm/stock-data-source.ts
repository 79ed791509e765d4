import { Socket, type SocketConnectOpts } from 'node:net';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { LocalDsql } from 'aurora-dsql-orm/local';

type Entities = NonNullable<DataSourceOptions['entities']>;

/**
 * TypeORM as it comes, without this package: node-postgres with a signed token, on the same local DSQL. It shows what
 * happens to those who have only that.
 */
export async function stockDataSource(
  local: LocalDsql,
  entities: Entities,
  more: Partial<Extract<DataSourceOptions, { type: 'postgres' }>> = {},
): Promise<DataSource> {
  const { host, hostaddr, port, ca } = local;
  const { PGPASSWORD } = await local.env();
  const dataSource = new DataSource({
    type: 'postgres',
    host,
    port,
    username: 'admin',
    password: PGPASSWORD,
    database: 'postgres',
    ssl: { ca },
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    entities,
    ...more,
    extra: { stream: () => new RedirectedSocket(hostaddr) },
  });
  return dataSource.initialize();
}

/** Dials one address whatever name it is given. */
class RedirectedSocket extends Socket {
  readonly #address: string;

  constructor(address: string) {
    super();
    this.#address = address;
  }

  override connect(...call: unknown[]): this {
    const [port] = call;
    const options: SocketConnectOpts = { port: Number(port), host: this.#address };
    return super.connect(options);
  }
}
