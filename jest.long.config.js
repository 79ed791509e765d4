const {
  all,
  main,
  typeorm03,
  ignored,
  sampled,
  larger,
  tooLongInShort,
  longOnly,
  largest,
  ofPackage,
  shortOn03,
  longOn03,
  moreOn03,
} = require('./jest.config.js').parts;

// The workers inherit it; `npm run soak` says `soak`, and `.ci/run` says `short`.
process.env.DSQL_TEST_FORM ??= 'long';
const isShort = process.env.DSQL_TEST_FORM === 'short';

const files = (displayName, testRegex) => ({
  ...main,
  displayName,
  testMatch: undefined,
  testRegex,
  testPathIgnorePatterns: ignored,
});
const on03 = (displayName, testMatch) => ({
  ...typeorm03,
  displayName,
  testMatch,
  testPathIgnorePatterns: [...ignored, ...shortOn03],
});

/** What `npm test` leaves out. `.ci/run` chooses by the names. */
/** @type {import('jest').Config} */
module.exports = {
  ...all,
  ...(process.env.DSQL_TEST_FORM === 'soak' && { testTimeout: 6 * 3_600_000 }),
  projects: [
    files('left out', [...longOnly, ...(isShort ? tooLongInShort : [])]),
    { ...files('package', ofPackage), runner: '<rootDir>/test/one-after-the-other.cjs' },
    files('long forms', sampled),
    files('larger forms', [...larger, ...largest]),
    on03('typeorm 0.3', longOn03),
    on03('more of typeorm 0.3', moreOn03),
  ],
};
