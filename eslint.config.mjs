import js from '@eslint/js';
import jest from 'eslint-plugin-jest';
import tsdoc from 'eslint-plugin-tsdoc';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** What each room of src may import from the other rooms: the arrows of the architecture, pointing down only. */
const arrows = {
  sql: [],
  connection: ['sql'],
  occ: ['connection', 'sql'],
  schema: ['occ', 'connection', 'sql'],
  typeorm: ['schema', 'occ', 'connection', 'sql'],
  sequelize: ['schema', 'occ', 'connection', 'sql'],
  check: ['typeorm', 'sequelize', 'schema', 'sql'],
  local: ['sql'],
  cli: ['check', 'local', 'connection', 'sql'],
};
const rooms = Object.keys(arrows);

const arrowRules = rooms.map((room) => ({
  files: [`src/${room}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...rooms
            .filter((other) => other !== room && !arrows[room].includes(other))
            .map((other) => ({
              regex: `(^|/)\\.\\./${other}(/|$)`,
              message: `src/${room} must not import src/${other}: arrows point down only.`,
            })),
          { regex: '^aurora-dsql-orm', message: 'src imports its own rooms by relative path.' },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'build/', 'coverage/', 'test/check/corpus/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    plugins: { tsdoc },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'tsdoc/syntax': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  ...arrowRules,
  {
    files: ['test/**/*.ts'],
    ...jest.configs['flat/recommended'],
    rules: {
      ...jest.configs['flat/recommended'].rules,
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect', 'expect*'] }],
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        __dirname: 'readonly',
        console: 'readonly',
        module: 'writable',
        process: 'readonly',
        require: 'readonly',
      },
    },
  },
  prettier,
);
