const { all, main, typeorm03, ignored, inBothForms, longOnly, shortOn03, moreOn03 } =
  require('./jest.config.js').parts;

// The workers inherit it; `npm run soak` says `soak`.
process.env.DSQL_TEST_FORM ??= 'long';

/** The long forms, and on TypeORM 0.3 more than `npm test` runs there. */
/** @type {import('jest').Config} */
module.exports = {
  ...all,
  ...(process.env.DSQL_TEST_FORM === 'soak' && { testTimeout: 6 * 3_600_000 }),
  projects: [
    {
      ...main,
      testMatch: undefined,
      testRegex: [...inBothForms, ...longOnly],
      testPathIgnorePatterns: ignored,
    },
    {
      ...typeorm03,
      testMatch: moreOn03,
      testPathIgnorePatterns: [...ignored, ...shortOn03],
    },
  ],
};
