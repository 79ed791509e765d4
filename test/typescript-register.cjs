// Lets `node -r` run our TypeScript in another process without a build, as a test runner does in its own: under the names
// of the package's entry points, too. What it makes of a file is kept beside the dependencies, because the tests start many
// processes.
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
require('./code-cache.cjs');

/** What runs TypeScript without reading types, such as tsx, knows none for the metadata of decorators. */
const emitDecoratorMetadata = process.env.DSQL_TEST_METADATA !== 'none';

const cache = path.join(__dirname, '../node_modules/.cache/typescript-register');

const resolveFilename = Module._resolveFilename;
Module._resolveFilename = (request, ...others) =>
  resolveFilename.call(Module, sourceOf(request) ?? request, ...others);

/** Where the source of one of the package's entry points is. */
function sourceOf(request) {
  const [, entry] = /^aurora-dsql-orm(?:\/(.+))?$/.exec(request) ?? [];
  if (!request.startsWith('aurora-dsql-orm')) return undefined;
  const source = path.join(__dirname, '../src', entry ?? '.');
  return existsSync(`${source}.ts`) ? `${source}.ts` : path.join(source, 'index.ts');
}

require.extensions['.ts'] = (module, file) => {
  module._compile(compiled(readFileSync(file, 'utf8')), file);
};

function compiled(source) {
  const kept = path.join(
    cache,
    createHash('sha256').update(`${emitDecoratorMetadata}\0${source}`).digest('hex'),
  );
  try {
    return readFileSync(kept, 'utf8');
  } catch {
    const output = compile(source);
    // A process that reads it meanwhile finds all of it or nothing.
    const unfinished = `${kept}.${process.pid}`;
    mkdirSync(cache, { recursive: true });
    writeFileSync(unfinished, output);
    renameSync(unfinished, kept);
    return output;
  }
}

function compile(source) {
  const ts = require('typescript');
  const compilerOptions = {
    module: ts.ModuleKind.CommonJS,
    target: ts.ScriptTarget.ES2023,
    esModuleInterop: true,
    experimentalDecorators: true,
    emitDecoratorMetadata,
  };
  return ts.transpileModule(source, { compilerOptions }).outputText;
}
