import path from 'node:path';

const src = path.resolve(import.meta.dirname, '../../src');

/** What an installed package would be found by. */
export default {
  resolve: { alias: [{ find: /^aurora-dsql-orm\/(.*)$/, replacement: `${src}/$1/index.ts` }] },
};
