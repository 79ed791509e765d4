// Keeps what V8 makes of the modules that a process loads, for the next one of its kind: the tests start hundreds of them, and
// compiling both ORMs and the package took them longer than their work. From version 22 on, Node.js can do it itself.
const { Buffer } = require('node:buffer');
const { createHash } = require('node:crypto');
const { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const vm = require('node:vm');

const root = path.join(__dirname, '..');
const folder = path.join(root, 'node_modules/.cache/code');
/** A process with this many modules that are not kept writes them down. */
const WORTH_KEEPING = 20;

// What a process of the same command loads is much the same.
const kind = createHash('sha256').update([root, process.version, ...process.argv.slice(1, 3)].join('\0'));
const keptIn = path.join(folder, kind.digest('hex'));
const kept = readKept();
const compiled = [];
let unknown = 0;

/** Its head says of each module which state of which file it is of, and how long what was made of it is. */
function readKept() {
  try {
    const file = readFileSync(keptIn);
    let end = 4 + file.readUInt32LE(0);
    const entries = JSON.parse(file.toString('utf8', 4, end));
    return new Map(entries.map(([state, length]) => [state, file.subarray(end, (end += length))]));
  } catch {
    return new Map();
  }
}

/** V8 compares no more than the length of the source. */
function stateOf(filename, content) {
  if (filename.endsWith('.ts')) return createHash('sha256').update(content).digest('hex');
  const { size, mtimeMs } = statSync(filename);
  return [filename, size, mtimeMs].join('\0');
}

/** What tests write is never the same again. */
const isKept = (filename) =>
  /\.(?:c?js|ts)$/.test(filename) &&
  (/[\\/]node_modules[\\/]/.test(filename) || filename.startsWith(path.join(root, 'src') + path.sep));

const { _compile: compile, wrapper } = { _compile: Module.prototype._compile, wrapper: Module.wrapper };

Module.prototype._compile = function (content, filename, format) {
  const script = format !== 'module' && isKept(filename) && scriptOf(content, filename);
  if (!script) return compile.call(this, content, filename, format);
  const run = script.runInThisContext();
  const require = requireOf(this, filename);
  return run.call(this.exports, this.exports, require, this, filename, path.dirname(filename));
};

/** Undefined where it is no script. */
function scriptOf(content, filename) {
  const state = stateOf(filename, content);
  let script;
  try {
    script = new vm.Script(wrapper[0] + content + wrapper[1], {
      filename,
      columnOffset: -wrapper[0].length,
      cachedData: kept.get(state),
      importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
  } catch {
    return undefined;
  }
  if (script.cachedDataRejected !== false) unknown++;
  compiled.push([state, script]);
  return script;
}

/** As Node.js makes it. */
function requireOf(module, filename) {
  const { resolve } = Module.createRequire(filename);
  return Object.assign((name) => module.require(name), {
    resolve,
    main: process.mainModule,
    extensions: Module._extensions,
    cache: Module._cache,
  });
}

process.once('exit', () => {
  if (unknown < WORTH_KEEPING) return;
  // Now it holds the functions that were called, too.
  const parts = compiled.map(([state, script]) => [state, script.createCachedData()]);
  const head = Buffer.from(JSON.stringify(parts.map(([state, { length }]) => [state, length])));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  // A process that reads it meanwhile finds all of it or nothing.
  const unfinished = `${keptIn}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(unfinished, Buffer.concat([length, head, ...parts.map(([, data]) => data)]));
  renameSync(unfinished, keptIn);
});
