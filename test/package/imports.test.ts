import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { violationsIn } from '../imports/architecture';
import { besideRooms, rooms } from '../imports/rooms';

const root = path.join(__dirname, '../..');

it('rooms import each other as the table says, and nothing imports itself', () => {
  expect(violationsIn(path.join(root, 'src'), { rooms, besideRooms })).toStrictEqual([]);
});

it('CONTRIBUTING.md shows the table that is checked', () => {
  const shown = [
    ...readFileSync(path.join(root, 'CONTRIBUTING.md'), 'utf8').matchAll(/^\| `src\/(\w+)`.*$/gm),
  ];
  const arrows = shown.map(([row, room = '']) => {
    const cells = row.split('|');
    const imports = [...(cells.at(-2) ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name);
    return [room, imports];
  });
  expect(Object.fromEntries(arrows)).toStrictEqual(
    Object.fromEntries(Object.entries(rooms).map(([room, { imports }]) => [room, imports])),
  );
});

describe('in two rooms', () => {
  const architecture = {
    rooms: {
      upper: { imports: ['lower'] },
      lower: { imports: [], entries: ['index', 'shared'], computed: ['plugins'] },
    },
    besideRooms: { imports: ['lower'] },
  };
  const fine = {
    'index.ts': `export * from './lower';`,
    'upper/index.ts': `import { a } from '../lower'; import './part'; export const b = a;`,
    'upper/part.ts': `export { c } from '../lower/shared'; import fs from 'node:fs';`,
    'lower/index.ts': `export const a = 1;`,
    'lower/shared.ts': `export type * from './types'; export const c = 1;`,
    'lower/types.ts': `export interface Shape {}`,
    'lower/plugins.ts': `export const load = (name: string) => import(name);`,
  };
  let src = '';

  beforeEach(() => {
    src = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-imports-'));
    write(fine);
  });
  afterEach(() => {
    rmSync(src, { recursive: true, force: true });
  });

  function write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(src, name)), { recursive: true });
      writeFileSync(path.join(src, name), text);
    }
  }

  it('has nothing against what the table allows', () => {
    expect(violationsIn(src, architecture)).toStrictEqual([]);
  });

  it.each([
    `import { b } from '../upper';`,
    `import '../upper';`,
    `import type { B } from '../upper/index';`,
    `export { b } from '../upper';`,
    `export type * from '../upper/index.js';`,
    `export const load = () => import('../upper');`,
    'export const load = () => import(`../upper`);',
    `export const load = () => require('../../src-of-test/upper');`,
    `export const file = require.resolve('../upper');`,
    `import upper = require('../upper');`,
    `export type B = import('../upper').B;`,
    `/// <reference path="../upper/index.ts" />`,
  ])('finds an arrow that points up: %s', (text) => {
    write({ 'lower/types.ts': text.replace('../../src-of-test', `../../${path.basename(src)}`) });
    expect(violationsIn(src, architecture)).toContain(
      'src/lower/types.ts:1 imports src/upper/index.ts: there is no arrow to src/upper',
    );
  });

  it.each([
    [
      `import type { Shape } from '../lower/types';`,
      'imports src/lower/types.ts past src/lower/index.ts or src/lower/shared.ts',
    ],
    [`import '..';`, 'imports src/index.ts, which is in no room'],
    [`import '../../test/cluster';`, 'imports ../../test/cluster, which is outside of src'],
    [`import '../lower/missing';`, 'imports ../lower/missing, which is not there'],
    [
      `import 'aurora-dsql-orm/local';`,
      'imports aurora-dsql-orm/local: src imports its own rooms by relative path',
    ],
    [`void import('../' + 'lower');`, 'imports a module that only an expression names'],
  ])('finds a way past the entries: %s', (text, problem) => {
    write({ 'upper/part.ts': `\n${text}` });
    expect(violationsIn(src, architecture)).toContain(`src/upper/part.ts:2 ${problem}`);
  });

  it('finds a room that the table does not have', () => {
    write({ 'unknown/index.ts': `import '../lower';` });
    expect(violationsIn(src, architecture)).toStrictEqual([
      'src/unknown/index.ts:1 is in a room that the table of rooms does not have',
    ]);
  });

  it('finds circles, of types and inside one room, too', () => {
    write({
      'lower/types.ts': `import type { Side } from './side'; export interface Shape { side: Side }`,
      'lower/side.ts': `import type { Shape } from './types'; export interface Side { shape: Shape }`,
    });
    expect(violationsIn(src, architecture)).toStrictEqual([
      'circle of imports: src/lower/side.ts → src/lower/types.ts → src/lower/side.ts',
    ]);
  });
});
