const { all, shared, ignored, inPlaceOf } = require('./jest.config.js').parts;

/** The tests that matter for a peer, with its oldest version in the place of the one that `npm test` runs on. */
const on = (name, version, tests) => ({
  ...shared,
  displayName: `${name} ${version}`,
  testMatch: tests.map((test) => `<rootDir>/test/${test}.test.ts`),
  testPathIgnorePatterns: ignored,
  moduleNameMapper: { ...shared.moduleNameMapper, ...inPlaceOf(name, `${name}-${version}`) },
});
const inFolder = (folder, files) => files.map((file) => `${folder}/${file}`);
const ofTypeorm = [
  ...inFolder('typeorm', [
    'data-source',
    'connections',
    'round-trips',
    'pipelined-saves',
    'pipelined-saves-and-others',
    'transactions',
    'no-lost-writes/pipelined-saves',
    'no-lost-writes/unknown-outcomes',
  ]),
  'no-lost-writes/bank-typeorm',
];
const ofSequelize = [
  ...inFolder('sequelize', ['sequelize', 'connections', 'transactions', 'attach']),
  'no-lost-writes/bank-sequelize',
];
const ofPg = [
  ...inFolder('connection', ['client', 'pool', 'transactions', 'outcome']),
  ...inFolder('no-lost-writes', ['bank-pool', 'bank-sequelize', 'bank-typeorm']),
];

/** `npm test` runs on the newest versions, and on the newest of TypeORM's 0.3 line. */
/** @type {import('jest').Config} */
module.exports = {
  ...all,
  projects: [
    on('pg', '8.16.0', ofPg),
    on('typeorm', '0.3.20', ofTypeorm),
    on('typeorm', '1.0.0', ofTypeorm),
    on('sequelize', '6.37.0', ofSequelize),
  ],
};
