// Makes one file of the modules of each room that an application loads: a file costs Node.js far more to find and open than
// to read. What others import of a room (its `index`, and the entry points of the package) stays where it is and is taken
// from that file, so every module is still loaded once, whichever way it is reached. What a file requires is required when it
// is first used, so that an application loads what it uses.
const { build } = require('esbuild');
const { readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { exports: packageExports } = require('./package.json');

const DIST = path.join(__dirname, 'dist');
const SOURCE = path.join(__dirname, 'src');
const ROOMS = ['node', 'sql', 'connection', 'occ', 'schema', 'migrate', 'typeorm', 'sequelize'];
const BUNDLE = 'room';
/** What is loaded without the rest of its room, or without the packages that this needs: a bundle of its own, which the rest requires. */
const APART = {
  connection: { entry: 'without-driver.js', bundle: 'room-without-driver' },
  schema: { entry: 'for-check.js', bundle: 'room-for-check' },
  migrate: { entry: 'for-orms.js', bundle: 'room-for-orms' },
};
/** Folders that only a change of the schema needs: a bundle of their own, which requires the rest. */
const OF_CHANGES = { sql: ['translate'], schema: ['planning', 'rebuild'] };
const BUNDLE_OF_CHANGES = 'room-of-changes';

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
  const apart = filesApart(room);
  const others = [...reachedFrom(entries, room)].filter((file) => !ofIndex.has(file) && !apart.has(file));
  return new Set([...entries, ...others]);
}

function filesApart(room) {
  return new Set(APART[room] && reachedFrom([path.join(DIST, room, APART[room].entry)], room));
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

/** Lets the entries of a room take everything from its bundles. Returns the names, by the module that has them. */
function redirect(room, entries, bundleOf) {
  const taken = new Map();
  for (const entry of entries) {
    let text = readFileSync(entry, 'utf8');
    for (const [name, file] of requiredBy(entry)) {
      if (roomOf(file) !== room || entries.has(file)) continue;
      const names = taken.get(file) ?? new Set();
      for (const each of namesTaken(text, name, file)) names.add(each);
      taken.set(file, names);
      const bundle = path.relative(path.dirname(entry), path.join(DIST, room, bundleOf(file)));
      text = text.replaceAll(`require("${name}")`, `require("./${bundle}")`);
    }
    writeFileSync(entry, text);
  }
  return taken;
}

/** Other rooms, and packages, are required as before; so is the other bundle of this one. */
const otherRooms = (room, bundleOf, own) => ({
  name: 'other rooms',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path: name, resolveDir }) => {
      if (kind === 'entry-point') return undefined;
      if (!name.startsWith('.')) return { path: name, external: true };
      const target = path.relative(path.join(SOURCE, room), path.resolve(resolveDir, name));
      if (target.startsWith('..')) return { path: target, external: true };
      const other = bundleOf(path.join(DIST, room, `${target}.js`));
      return other === own ? undefined : { path: `./${other}`, external: true };
    });
  },
});

async function bundle(room, entries) {
  const apart = filesApart(room);
  const bundleOf = (file) => {
    if (apart.has(file) && !entries.has(file)) return APART[room].bundle;
    const [folder] = path.relative(path.join(DIST, room), file).split(path.sep);
    return OF_CHANGES[room]?.includes(folder) ? BUNDLE_OF_CHANGES : BUNDLE;
  };
  const taken = redirect(room, entries, bundleOf);
  if (taken.size === 0) return;
  for (const file of files)
    if (roomOf(file) === room && !entries.has(file)) takeOfOthers(file, taken, bundleOf);
  for (const name of new Set([...taken.keys()].map(bundleOf))) {
    await makeBundle(
      room,
      entries,
      [...taken].filter(([file]) => bundleOf(file) === name),
      name,
      bundleOf,
    );
  }
  for (const file of files) {
    if (roomOf(file) !== room || entries.has(file)) continue;
    rmSync(file);
    rmSync(`${file}.map`);
  }
}

/** Adds what a file takes of other bundles of its room. */
function takeOfOthers(file, taken, bundleOf) {
  const text = readFileSync(file, 'utf8');
  for (const [name, required] of requiredBy(file)) {
    if (roomOf(required) !== roomOf(file) || bundleOf(required) === bundleOf(file)) continue;
    taken.set(required, new Set([...(taken.get(required) ?? []), ...namesTaken(text, name, file)]));
  }
}

async function makeBundle(room, entries, taken, name, bundleOf) {
  const exported = taken
    .filter(([, names]) => names.size > 0)
    .map(
      ([file, names]) =>
        `export { ${[...names].join(', ')} } from './${path.relative(path.join(DIST, room), file)}';`,
    );
  const { metafile } = await build({
    stdin: {
      contents: exported.join('\n').replaceAll(".js';", "';"),
      resolveDir: path.join(SOURCE, room),
      sourcefile: `${name}.ts`,
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
    outfile: path.join(DIST, room, `${name}.js`),
    tsconfig: path.join(__dirname, 'tsconfig.build.json'),
    plugins: [otherRooms(room, bundleOf, name)],
    logLevel: 'warning',
    metafile: true,
  });
  const twice = Object.keys(metafile.inputs)
    .map((input) => path.join(__dirname, input.replace(/^src/, 'dist').replace(/\.ts$/, '.js')))
    .filter((file) => entries.has(file));
  if (twice.length > 0) throw new Error(`Would be loaded twice: ${twice.join(', ')}`);
}

/** As esbuild and TypeScript write it. Other packages than `pg` are needed as soon as a room is. */
const DECLARATIONS = /^ *var [\w, ]+;$/gm;
const REQUIRE = /^( *)(?:(var|const) )?(\w+) = ((?:__toESM\()?require\("(?:\.[^"]*|pg)"\)\)?);$/gm;

/**
 * Requires what a file requires when it is first used, and what it does not use never: nothing here has to be loaded for what
 * that does. Lines stay what they are, for the source map. What is used as a whole, and not by its names, is required at once.
 */
function requireWhenUsed(file) {
  let text = readFileSync(file, 'utf8');
  for (const [line, indent, keyword, variable, required] of text.matchAll(REQUIRE)) {
    const whole = new RegExp(String.raw`\b${variable}\b(?!\.| = (?:__toESM\()?require)`);
    if (whole.test(text.replaceAll(DECLARATIONS, ''))) continue;
    const used = [...text.matchAll(new RegExp(String.raw`(return )?\b${variable}\.(\w+)(;?)`, 'g'))];
    if (used.length === 0) {
      text = text.replace(line, '');
      continue;
    }
    if (keyword && used.every(([, returned, , isAll]) => returned && isAll)) {
      // Node.js finds the names of a CommonJS module for `import` in its text, where this may be all that a getter returns.
      const getters = used.map(([, , name]) => `get ${name}() { return (file ??= ${required}).${name}; }`);
      text = text.replace(line, `${indent}var ${variable} = ((file) => ({ ${getters.join(', ')} }))();`);
      continue;
    }
    text = text
      .replace(line, keyword ? `${indent}var ${variable};` : '')
      .replaceAll(new RegExp(String.raw`\b${variable}\.`, 'g'), `(${variable} ??= ${required}).`);
  }
  writeFileSync(file, text);
}

async function main() {
  const kept = ROOMS.map((room) => [room, filesToKeep(room)]);
  for (const [room, entries] of kept) await bundle(room, entries);
  const ofRooms = readdirSync(DIST, { recursive: true })
    .map((name) => path.join(DIST, name))
    .filter((file) => file.endsWith('.js') && ROOMS.includes(roomOf(file)));
  for (const file of [...ofRooms, path.join(DIST, 'index.js')]) requireWhenUsed(file);
}

void main();
