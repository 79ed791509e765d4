const { availableParallelism } = require('node:os');

/**
 * With DSQL_TEST_CLUSTER=1 the tests run on the cluster of CLUSTER_ENDPOINT, one file after the other. These are about
 * the local DSQL, or need what only it can do: faults, traces, credentials of its own.
 */
const needLocalDsql = [
  '/test/local/',
  '/test/cli/',
  '/test/check/surroundings\\.test',
  '/test/sql/translate',
  '/test/connection/(addresses-and-tokens|client|client-faults|endpoints|host-contract|outcome|process-end|secrets|sleeping-cluster|transactions|warm-up)\\.test',
  '/test/occ/(commit-markers|iterables-in-batches|serialize-by)\\.test',
  '/test/no-lost-writes/',
  '/test/typeorm/(array-inserts|nested-transactions|reused-identity-keys|command-line|connections|large-writes|pipelined-saves|round-trips|size-of-writes|transactions|values-of-saves|no-lost-writes/)',
  '/test/sequelize/(array-inserts|attach|client-faults|connections|fake-clocks|find-or-create|frameworks|interrupted-changes|large-writes|migrations|models|reused-identity-keys|size-of-writes|slow-jobs|stale-instances|statements|statements-refused|transactions|types-as-text)\\.test',
  '/test/histories/',
  '/test/neighbours/',
  '/test/documents/(commands|programs)\\.test',
  '/test/examples/',
  '/test/package/bundles',
  '/test/migrate/',
];
const onCluster = process.env.DSQL_TEST_CLUSTER === '1';

/**
 * Files that choose their size by `test/form.ts`: `npm test` runs them short, `npm run test:long` long. Of these the long form
 * has all that the short one has samples of.
 */
const sampled = [
  '/test/cli/(local|migrate)\\.test',
  '/test/connection/client-faults\\.test',
  '/test/examples/moving\\.test',
  '/test/histories/\\w+\\.test',
  '/test/local/(catalogue|concurrency|faults|functions|limits|transactions)\\.test',
  '/test/migrate/(client-side-failures|in-batches|one-connection|rebuild|rebuild-names)\\.test',
  '/test/occ/iterables-in-batches\\.test',
  '/test/sequelize/(client-faults|interrupted-changes|migrations|schema)\\.test',
  '/test/sql/translate-(databases|orms)\\.test',
  '/test/typeorm/(migrations|nested-transactions|reused-identity-keys|size-of-writes)\\.test',
  '/test/typeorm/no-lost-writes/client-faults\\.test',
  '/test/typeorm/schema/(carrying-out|changes|synchronize)\\.test',
];
/** Of these it has more: of chance, of boundaries, of load. */
const larger = [
  '/test/check/fuzz\\.test',
  '/test/connection/endpoints\\.test',
  '/test/local/(lock-pairs|concurrency-stress|fuzz|schema-stress)\\.test',
  '/test/migrate/(interrupted-\\w+|one-at-a-time|rebuild-(interrupted|under-load))\\.test',
  '/test/no-lost-writes/(bank-\\w+|sequelize-programs)\\.test',
  '/test/typeorm/no-lost-writes/entity-graphs\\.test',
];

/** Of both, what `npm test` leaves out even in its short form. `.ci/run` runs that form. */
const tooLongInShort = [
  '/test/local/schema-stress\\.test',
  '/test/migrate/(one-at-a-time|rebuild-interrupted)\\.test',
  '/test/no-lost-writes/sequelize-programs\\.test',
  '/test/sequelize/(client-faults|interrupted-changes)\\.test',
  '/test/sql/translate-(databases|orms)\\.test',
  '/test/typeorm/(nested-transactions|reused-identity-keys|size-of-writes)\\.test',
  '/test/typeorm/no-lost-writes/client-faults\\.test',
];

/** Files that `npm test` leaves to `npm run test:long` and `.ci/run`: others of their kind stay. */
const longOnly = [
  '/test/check/(limits|modules|surroundings)\\.test',
  '/test/examples/programs\\.test',
  '/test/documents/commands\\.test',
  '/test/examples/(sequelize|typeorm)-rest-api\\.test',
  '/test/local/(concurrency-model|stale-catalogue)\\.test',
  '/test/migrate/(overhead|rebuild-typeorm|synchronize-at-once)\\.test',
  '/test/no-lost-writes/client-faults\\.test',
  '/test/sequelize/(reused-identity-keys|size-of-writes)\\.test',
  '/test/sql/translate-property\\.test',
  '/test/typeorm/(admission|large-writes)\\.test',
];
/** Such files that take longer than `.ci/run` has. */
const largest = ['/test/examples/frameworks\\.test', '/test/local/crowds\\.test'];
/** Such files that build the package, which nothing else may do meanwhile. */
const ofPackage = ['/test/package/(bundles|entry-points)\\.test'];

const ofTypeorm = (files) => files.map((file) => `<rootDir>/test/typeorm/${file}.test.ts`);
/** What differs most between the lines of TypeORM. `npm run test:long` runs more on 0.3, and `.ci/run` some of that. */
const shortOn03 = ofTypeorm(['data-source', 'round-trips']);
const longOn03 = ofTypeorm(['connections', 'transactions', 'values-of-saves']);
const moreOn03 = ofTypeorm(['queries', 'migrations', 'nested-transactions', 'schema/*', 'no-lost-writes/*']);

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/templates-set-up.ts',
  globalTeardown: '<rootDir>/test/templates-tear-down.ts',
  setupFiles: ['<rootDir>/test/without-colours.cjs'],
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
  // Half of a test's work is done by PostgreSQL and by processes that it waits for.
  maxWorkers: onCluster ? 1 : availableParallelism() + 1,
  testSequencer: '<rootDir>/test/longest-first.cjs',
  collectCoverageFrom: ['src/**/*.ts'],
};

/** @type {import('jest').Config} */
const main = {
  ...shared,
  displayName: 'aurora-dsql-orm',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // `npm run test:peers` has the bank of Sequelize, too.
  testPathIgnorePatterns: [
    ...ignored,
    ...tooLongInShort,
    ...longOnly,
    ...largest,
    ...ofPackage,
    '/test/no-lost-writes/bank-sequelize\\.test',
  ],
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
  value: {
    ...{ all, shared, main, typeorm03, ignored, inPlaceOf },
    ...{ sampled, larger, tooLongInShort, longOnly, largest, ofPackage, shortOn03, longOn03, moreOn03 },
  },
});
