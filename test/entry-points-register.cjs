// `node -r` this to run TypeScript that imports our entry points, as the examples do, without a build. With TYPEORM=typeorm-0.3
// in the environment it runs on the 0.3 line of TypeORM.
require('./typescript-register.cjs');
const Module = require('node:module');
const path = require('node:path');

const resolve = Module._resolveFilename;
const line = process.env.TYPEORM ?? 'typeorm';

Module._resolveFilename = (request, ...rest) => {
  const [, entry] = /^aurora-dsql-orm(?:\/(\w+))?$/.exec(request) ?? [];
  if (request.startsWith('aurora-dsql-orm')) {
    return path.join(__dirname, '../src', entry ?? '', 'index.ts');
  }
  return resolve(request.replace(/^typeorm(?=$|\/)/, line), ...rest);
};
