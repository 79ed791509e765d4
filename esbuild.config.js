// Makes one file of the modules of each room that an application loads: a file costs Node.js far more to find and open than
// to read. What others import of a room (its `index`, and the entry points of the package) stays where it is and is taken
// from that file, so every module is still loaded once, whichever way it is reached.
const { build } = require('esbuild');
const { readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { exports: packageExports } = require('./package.json');

const DIST = path.join(__dirname, 'dist');
const SOURCE = path.join(__dirname, 'src');
const ROOMS = ['node', 'sql', 'connection', 'occ', 'schema', 'migrate', 'typeorm', 'sequelize'];
const BUNDLE = 'room';

const roomOf = (file) => path.relative(DIST, file).split(path.sep)[0];
const files = readdirSync(DIST, { recursive: true })
  .filter((file) => file.endsWith('.js'))
  .map((file) => path.join(DIST, file));

/** The files that a file requires, by how it names them. */
function requiredBy(file) {
  const names = readFileSync(file, 'utf8').matchAll(/require\("(\.[^"]*)"\)/g);
  return new Map(
    [...names].map(([, name]) => [name, require.resolve(path.resolve(path.dirname(file), name))]),
  );
}

/** What of a room stays a file of its own: what others require, and what only that leads to, not the room's index. */
function filesToKeep(room) {
  const published = Object.values(packageExports).map(({ default: file }) =>
    path.join(__dirname, file ?? ''),
  );
  const outside = files
    .filter((file) => roomOf(file) !== room)
    .flatMap((file) => [...requiredBy(file).values()]);
  const entries = [...published, ...outside].filter((file) => roomOf(file) === room);
  const ofIndex = reachedFrom([path.join(DIST, room, 'index.js')], room);
  const others = [...reachedFrom(entries, room)].filter((file) => !ofIndex.has(file));
  return new Set([...entries, ...others]);
}

function reachedFrom(start, room) {
  const reached = new Set(start);
  for (const file of reached) {
    for (const required of requiredBy(file).values()) if (roomOf(required) === room) reached.add(required);
  }
  return reached;
}

/** The names that an entry takes from a module of its room: TypeScript writes all of them with the module before. */
function namesTaken(text, name, file) {
  const required = `require("${name}")`;
  const variable = new RegExp(`(\\w+) = ${required.replaceAll(/[.()]/g, String.raw`\$&`)};`).exec(text)?.[1];
  if (variable === undefined) throw new Error(`${file}: how ${name} is used is not known.`);
  return [...text.matchAll(new RegExp(`\\b${variable}\\.(\\w+)`, 'g'))].map(([, taken]) => taken);
}

/** Lets the entries of a room take everything from its bundle. Returns the names, by the module that has them. */
function redirect(room, entries) {
  const taken = new Map();
  for (const entry of entries) {
    let text = readFileSync(entry, 'utf8');
    for (const [name, file] of requiredBy(entry)) {
      if (roomOf(file) !== room || entries.has(file)) continue;
      const names = taken.get(file) ?? new Set();
      for (const each of namesTaken(text, name, file)) names.add(each);
      taken.set(file, names);
      const bundle = path.relative(path.dirname(entry), path.join(DIST, room, BUNDLE));
      text = text.replaceAll(`require("${name}")`, `require("./${bundle}")`);
    }
    writeFileSync(entry, text);
  }
  return taken;
}

/** Other rooms, and packages, are required as before. */
const otherRooms = (room) => ({
  name: 'other rooms',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path: name, resolveDir }) => {
      if (kind === 'entry-point') return undefined;
      if (!name.startsWith('.')) return { path: name, external: true };
      const target = path.relative(path.join(SOURCE, room), path.resolve(resolveDir, name));
      return target.startsWith('..') ? { path: target, external: true } : undefined;
    });
  },
});

async function bundle(room, entries) {
  const taken = redirect(room, entries);
  if (taken.size === 0) return;
  const exported = [...taken].map(
    ([file, names]) =>
      `export { ${[...names].join(', ')} } from './${path.relative(path.join(DIST, room), file)}';`,
  );
  const { metafile } = await build({
    stdin: {
      contents: exported.join('\n').replaceAll(".js';", "';"),
      resolveDir: path.join(SOURCE, room),
      sourcefile: `${BUNDLE}.ts`,
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // As TypeScript does it: what is imported when it is needed is required.
    supported: { 'dynamic-import': false },
    keepNames: true,
    sourcemap: true,
    sourcesContent: false,
    outfile: path.join(DIST, room, `${BUNDLE}.js`),
    tsconfig: path.join(__dirname, 'tsconfig.build.json'),
    plugins: [otherRooms(room)],
    logLevel: 'warning',
    metafile: true,
  });
  const twice = Object.keys(metafile.inputs)
    .map((input) => path.join(__dirname, input.replace(/^src/, 'dist').replace(/\.ts$/, '.js')))
    .filter((file) => entries.has(file));
  if (twice.length > 0) throw new Error(`Would be loaded twice: ${twice.join(', ')}`);
  for (const file of files) {
    if (roomOf(file) !== room || entries.has(file)) continue;
    rmSync(file);
    rmSync(`${file}.map`);
  }
}

async function main() {
  const kept = ROOMS.map((room) => [room, filesToKeep(room)]);
  for (const [room, entries] of kept) await bundle(room, entries);
}

void main();
