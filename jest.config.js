/**
 * With DSQL_TEST_CLUSTER=1 the tests run on the cluster of CLUSTER_ENDPOINT, one file after the other. These are about
 * the local DSQL, or need what only it can do: faults, traces, credentials of its own.
 */
const needLocalDsql = [
  '/test/local/',
  '/test/cli/',
  '/test/sql/translate',
  '/test/connection/(client|client-faults|host-contract|outcome|secrets|transactions)\\.test',
  '/test/occ/commit-markers\\.test',
  '/test/no-lost-writes/',
  '/test/typeorm/(nested-transactions|reused-identity-keys|command-line|connections|example|large-writes|transactions|no-lost-writes/)',
  '/test/sequelize/(attach|client-faults|connections|fake-clocks|find-or-create|frameworks|interrupted-changes|large-writes|migrations|models|slow-jobs|stale-instances|statements|statements-refused|transactions)\\.test',
  '/test/neighbours/',
  '/test/examples/sequelize',
];
const onCluster = process.env.DSQL_TEST_CLUSTER === '1';

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.json' }] },
  moduleNameMapper: {
    '^aurora-dsql-orm$': '<rootDir>/src/index.ts',
    '^aurora-dsql-orm/sequelize/register$': '<rootDir>/src/sequelize/register.ts',
    '^aurora-dsql-orm/(local|typeorm|sequelize)$': '<rootDir>/src/$1/index.ts',
  },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/', ...(onCluster ? needLocalDsql : [])],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/'],
};

/** @type {import('jest').Config} */
module.exports = {
  testTimeout: 60_000,
  ...(onCluster && { maxWorkers: 1 }),
  collectCoverageFrom: ['src/**/*.ts'],
  projects: [
    {
      ...shared,
      displayName: 'aurora-dsql-orm',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
    },
    {
      // The same TypeORM tests, and the bank, on the 0.3 line.
      ...shared,
      displayName: 'typeorm 0.3',
      testMatch: ['<rootDir>/test/typeorm/**/*.test.ts', '<rootDir>/test/no-lost-writes/bank.test.ts'],
      moduleNameMapper: {
        ...shared.moduleNameMapper,
        '^typeorm$': 'typeorm-0.3',
        '^typeorm/(.*)$': 'typeorm-0.3/$1',
      },
    },
  ],
};
