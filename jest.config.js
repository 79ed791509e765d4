/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['ts-jest', { tsconfig: 'tsconfig.json' }] },
  moduleNameMapper: {
    '^aurora-dsql-orm$': '<rootDir>/src/index.ts',
    '^aurora-dsql-orm/(local|typeorm|sequelize)$': '<rootDir>/src/$1/index.ts',
  },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/build/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/build/'],
};

/** @type {import('jest').Config} */
module.exports = {
  testTimeout: 60_000,
  collectCoverageFrom: ['src/**/*.ts'],
  projects: [
    {
      ...shared,
      displayName: 'aurora-dsql-orm',
      testMatch: ['<rootDir>/test/**/*.test.ts'],
    },
    {
      // The same TypeORM tests on the 0.3 line.
      ...shared,
      displayName: 'typeorm 0.3',
      testMatch: ['<rootDir>/test/typeorm/**/*.test.ts'],
      moduleNameMapper: {
        ...shared.moduleNameMapper,
        '^typeorm$': 'typeorm-0.3',
        '^typeorm/(.*)$': 'typeorm-0.3/$1',
      },
    },
  ],
};
