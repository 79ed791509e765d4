/**
 * With DSQL_TEST_CLUSTER=1 the tests run on the cluster of CLUSTER_ENDPOINT, one file after the other. These are about
 * the local DSQL, or need what only it can do: faults, traces, credentials of its own.
 */
const needLocalDsql = [
  '/test/local/',
  '/test/cli/',
  '/test/check/surroundings\\.test',
  '/test/sql/translate',
  '/test/connection/(addresses-and-tokens|client|client-faults|endpoints|host-contract|outcome|secrets|sleeping-cluster|transactions|warm-up)\\.test',
  '/test/occ/(commit-markers|iterables-in-batches|serialize-by)\\.test',
  '/test/no-lost-writes/',
  '/test/typeorm/(array-inserts|nested-transactions|reused-identity-keys|command-line|connections|large-writes|round-trips|size-of-writes|transactions|no-lost-writes/)',
  '/test/sequelize/(array-inserts|attach|client-faults|connections|fake-clocks|find-or-create|frameworks|interrupted-changes|large-writes|migrations|models|reused-identity-keys|size-of-writes|slow-jobs|stale-instances|statements|statements-refused|transactions)\\.test',
  '/test/histories/',
  '/test/neighbours/',
  '/test/examples/',
  '/test/package/bundles',
  '/test/migrate/',
];
const onCluster = process.env.DSQL_TEST_CLUSTER === '1';

/** Files that choose their size by `test/form.ts`: `npm test` runs them short, `npm run test:long` long. */
const inBothForms = [
  '/test/check/fuzz\\.test',
  '/test/cli/migrate\\.test',
  '/test/connection/endpoints\\.test',
  '/test/examples/moving\\.test',
  '/test/histories/\\w+\\.test',
  '/test/local/(lock-pairs|concurrency-model|concurrency-stress|fuzz|schema-stress)\\.test',
  '/test/migrate/(interrupted-\\w+|one-at-a-time|rebuild-interrupted)\\.test',
  '/test/occ/iterables-in-batches\\.test',
  '/test/no-lost-writes/(bank-\\w+|sequelize-programs)\\.test',
  '/test/sql/translate-orms\\.test',
  '/test/typeorm/nested-transactions\\.test',
  '/test/typeorm/no-lost-writes/entity-graphs\\.test',
];

/** Files that only `npm run test:long` runs; `.ci/run` runs those of the client's faults. */
const longOnly = [
  '/test/examples/frameworks\\.test',
  '/test/no-lost-writes/client-faults\\.test',
  '/test/local/crowds\\.test',
  '/test/package/(bundles|entry-points)\\.test',
];

/** What differs most between the lines of TypeORM; `npm run test:long` runs more on 0.3. */
const shortOn03 = ['data-source', 'connections', 'round-trips', 'transactions'].map(
  (file) => `<rootDir>/test/typeorm/${file}.test.ts`,
);
const moreOn03 = ['queries', 'migrations', 'nested-transactions', 'schema/*', 'no-lost-writes/*'].map(
  (file) => `<rootDir>/test/typeorm/${file}.test.ts`,
);

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/templates-set-up.ts',
  globalTeardown: '<rootDir>/test/templates-tear-down.ts',
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.json' }] },
  moduleNameMapper: {
    '^aurora-dsql-orm$': '<rootDir>/src/index.ts',
    '^aurora-dsql-orm/sequelize/(register|umzug)$': '<rootDir>/src/sequelize/$1.ts',
    '^aurora-dsql-orm/(local|migrate|typeorm|sequelize)$': '<rootDir>/src/$1/index.ts',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/'],
};

const ignored = ['/node_modules/', '/dist/', '/build/', ...(onCluster ? needLocalDsql : [])];

/** Puts another version in the place of a package, under the name of an alias among the development dependencies. */
const inPlaceOf = (name, alias) => ({ [`^${name}$`]: alias, [`^${name}/(.*)$`]: `${alias}/$1` });

/** @type {import('jest').Config} */
const all = {
  // Only what hangs comes to it, on however busy a machine.
  testTimeout: 600_000,
  // Half of a test's work is done by PostgreSQL; Jest would leave one of two cores to it alone.
  maxWorkers: onCluster ? 1 : '100%',
  collectCoverageFrom: ['src/**/*.ts'],
};

/** @type {import('jest').Config} */
const main = {
  ...shared,
  displayName: 'aurora-dsql-orm',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [...ignored, ...longOnly],
};

/** @type {import('jest').Config} */
const typeorm03 = {
  ...shared,
  displayName: 'typeorm 0.3',
  testMatch: shortOn03,
  testPathIgnorePatterns: ignored,
  moduleNameMapper: { ...shared.moduleNameMapper, ...inPlaceOf('typeorm', 'typeorm-0.3') },
};

module.exports = { ...all, projects: [main, typeorm03] };

// For jest.long.config.js and jest.peers.config.js; Jest itself reads no key that begins so.
Object.defineProperty(module.exports, 'parts', {
  value: { all, shared, main, typeorm03, ignored, inBothForms, longOnly, shortOn03, moreOn03, inPlaceOf },
});
