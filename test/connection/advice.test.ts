import 'reflect-metadata';
import { DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { useCluster } from '../cluster';

const cluster = useCluster();

/** What is wrong with how a cluster is reached: of the host, or of what `dsql` takes. */
interface Wrong {
  readonly host?: string;
  readonly dsql?: object;
}

const WAYS: Readonly<Record<string, (wrong: Wrong) => Promise<unknown>>> = {
  DsqlPool: async ({ host, dsql }) => {
    const pool = new DsqlPool({ ...cluster.connection, ...dsql, ...(host !== undefined && { host }) });
    return pool.query('SELECT 1').finally(() => pool.end());
  },
  TypeORM: ({ host = cluster.orm.host, dsql }) =>
    createDsqlDataSource({ ...cluster.orm, host, dsql: { ...cluster.orm.dsql, ...dsql } }).initialize(),
  Sequelize: async ({ host = cluster.orm.host, dsql }) => {
    const given = { ...cluster.orm, host, dsql: { ...cluster.orm.dsql, ...dsql }, logging: false } as const;
    const sequelize = createDsqlSequelize(given);
    return sequelize.authenticate().finally(() => sequelize.close());
  },
};

const OTHER = 'zzzzzzzzzzzzzzzzzzzzzzzzzz.dsql.us-east-1.on.aws';

const CASES: readonly (readonly [string, Wrong, RegExp])[] = [
  [
    'keys that the account does not know',
    { dsql: { credentials: { accessKeyId: 'unknown', secretAccessKey: 'wrong' } } },
    /^unable to accept connection, access denied \(admin at \S+\)(?:: .*)?\. The identity needs the permission dsql:DbConnectAdmin/,
  ],
  ['an authority that nobody named', { dsql: { ca: [] } }, /\(admin at \S+\)\. .*PGSSLROOTCERT or dsql\.ca/],
  [
    'the host of another cluster at this address',
    { host: OTHER },
    /altnames.*For a local DSQL omit the host, so that it comes from its environment/s,
  ],
  [
    'a host that has no address',
    { host: OTHER, dsql: { hostaddr: undefined } },
    /ENOTFOUND.*aws dsql get-cluster|EAI_AGAIN/s,
  ],
];

describe.each(Object.keys(WAYS))('%s says what was tried and what to do about', (way) => {
  it.each(CASES)('%s', async (_, wrong, message) => {
    await expect(WAYS[way]?.(wrong)).rejects.toThrow(message);
  });
});

it('a role that the cluster does not know is named, with the statements that make it', async () => {
  const pool = new DsqlPool({ ...cluster.connection, user: 'payroll' });
  const error: unknown = await pool.query('SELECT 1').catch((thrown: unknown) => thrown);
  await pool.end();
  expect(error).toMatchObject({
    code: '28000',
    message: expect.stringMatching(
      /^Role payroll does not exist \(payroll at \S+\)\. .* CREATE ROLE "payroll" WITH LOGIN; AWS IAM GRANT "payroll" TO '/,
    ) as string,
    stack: expect.stringContaining('CREATE ROLE "payroll"') as string,
  });
});
