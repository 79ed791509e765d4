import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';

/**
 * The value of a column that is kept as text as node-postgres gives that of its type, for what TypeORM makes of it: of a
 * point and a circle an object, of other geometric types and of hstore the text that PostgreSQL writes, however it was
 * written. What is none of the type, as nothing checks it, stays the text that it is.
 */
export function valueOfText(value: unknown, { type }: ColumnMetadata): unknown {
  const read = typeof value === 'string' && typeof type === 'string' ? READERS.get(type) : undefined;
  return read?.(value as string) ?? value;
}

/** The text of a point or a circle that is an object: TypeORM's 0.3 line hands it on, and node-postgres makes JSON of it. */
export function textOfValue(value: unknown, { type }: ColumnMetadata): unknown {
  if ((type !== 'point' && type !== 'circle') || typeof value !== 'object' || value === null) return value;
  const { x, y, radius } = value as Readonly<Record<string, unknown>>;
  if (!isCoordinate(x) || !isCoordinate(y)) return value;
  if (type === 'point') return `(${x},${y})`;
  return isCoordinate(radius) ? `<(${x},${y}),${radius}>` : value;
}

function isCoordinate(value: unknown): value is number | string {
  return typeof value === 'number' || typeof value === 'string';
}

/** A value of a type by its text; nothing where it is none. */
type Reader = (text: string) => unknown;

interface Point {
  readonly x: number;
  readonly y: number;
}

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['point', (text) => only(1, pointsIn(text))?.[0]],
  ['circle', (text) => circle(numbersIn(text))],
  ['line', line],
  ['lseg', (text) => ifAny(only(2, pointsIn(text)), (points) => `[${written(points)}]`)],
  ['box', (text) => ifAny(only(2, pointsIn(text)), box)],
  [
    'path',
    (text) =>
      ifAny(pointsIn(text), (points) =>
        /^\s*\[/.test(text) ? `[${written(points)}]` : `(${written(points)})`,
      ),
  ],
  ['polygon', (text) => ifAny(pointsIn(text), (points) => `(${written(points)})`)],
  ['hstore', hstore],
]);

function ifAny<Given, Made>(given: Given | undefined, make: (given: Given) => Made): Made | undefined {
  return given === undefined ? undefined : make(given);
}

function only(count: number, points: readonly Point[] | undefined): readonly Point[] | undefined {
  return points?.length === count ? points : undefined;
}

/** The numbers of a geometric value, whatever brackets are around them; nothing where something else is in it. */
function numbersIn(text: string): readonly number[] | undefined {
  const parts = text.replace(/[()<>[\]{}]/g, ' ').split(',');
  const numbers = parts.map((part) => Number(part.replace(/\binf(?:inity)?\b/i, 'Infinity')));
  const areNumbers = parts.every(
    (part, at) => part.trim() !== '' && (!Number.isNaN(numbers[at]) || /^\s*nan\s*$/i.test(part)),
  );
  return areNumbers ? numbers : undefined;
}

function pointsIn(text: string): readonly Point[] | undefined {
  const numbers = numbersIn(text);
  if (numbers === undefined || numbers.length % 2 !== 0) return undefined;
  const points: Point[] = [];
  for (let at = 0; at < numbers.length; at += 2)
    points.push({ x: numbers[at] ?? 0, y: numbers[at + 1] ?? 0 });
  return points;
}

function circle([x, y, radius, ...more]: readonly number[] = []): object | undefined {
  const isCircle = x !== undefined && y !== undefined && radius !== undefined && more.length === 0;
  return isCircle ? { x, y, radius } : undefined;
}

/** Its upper right corner comes first. */
function box([one = ORIGIN, other = ORIGIN]: readonly Point[]): string {
  const corner = (choose: (...values: number[]) => number) => ({
    x: choose(one.x, other.x),
    y: choose(one.y, other.y),
  });
  return written([corner(Math.max), corner(Math.min)]);
}

/** The line `Ax + By + C = 0`, which is written as such or by two points. */
function line(text: string): string | undefined {
  const numbers = numbersIn(text);
  if (numbers?.length === 3) return `{${numbers.map(float).join()}}`;
  return ifAny(only(2, pointsIn(text)), ([one = ORIGIN, other = ORIGIN]) => {
    if (isSame(one.x, other.x)) return `{-1,0,${float(one.x)}}`;
    if (isSame(one.y, other.y)) return `{0,-1,${float(one.y)}}`;
    const slope = (one.y - other.y) / (one.x - other.x);
    return `{${float(slope)},-1,${float(one.y - slope * one.x)}}`;
  });
}

/** PostgreSQL takes coordinates for the same that differ by so little. */
function isSame(one: number, other: number): boolean {
  return one === other || Math.abs(one - other) <= 1e-6;
}

const ORIGIN: Point = { x: 0, y: 0 };

function written(points: readonly Point[]): string {
  return points.map(({ x, y }) => `(${float(x)},${float(y)})`).join();
}

/** As PostgreSQL writes it: with an exponent of two digits below 0.0001, and from 1e15 on. */
function float(number: number): string {
  const size = Math.abs(number);
  if (size === 0 || size === Infinity || Number.isNaN(number) || (size >= 1e-4 && size < 1e15))
    return String(number);
  return number.toExponential().replace(/([+-])(\d)$/, '$10$2');
}

const QUOTED = String.raw`"((?:[^"\\]|\\.)*)"`;
const KEY = String.raw`(?:${QUOTED}|((?:[^\s"\\=]|\\.)(?:[^\s\\=]|\\.)*))`;
const VALUE = String.raw`(?:${QUOTED}|((?:[^\s"\\]|\\.)(?:[^\s\\,]|\\.)*))`;
const PAIR = new RegExp(String.raw`\s*${KEY}\s*=>\s*${VALUE}\s*(?:,|$)`, 'gsy');

/** With all between quotes, each key once, and the short keys first. */
function hstore(text: string): string | undefined {
  const pairs = new Map<string, string | null>();
  let end = 0;
  for (const [all, quotedKey, key = '', quotedValue, value = ''] of text.matchAll(PAIR)) {
    const name = unescaped(quotedKey ?? key);
    const isNull = quotedValue === undefined && /^null$/i.test(value);
    if (!pairs.has(name)) pairs.set(name, isNull ? null : unescaped(quotedValue ?? value));
    end += all.length;
  }
  if (text.slice(end).trim() !== '') return undefined;
  return [...pairs]
    .map(([key, value]) => ({
      bytes: Buffer.from(key),
      pair: `${escaped(key)}=>${value === null ? 'NULL' : escaped(value)}`,
    }))
    .sort((a, b) => a.bytes.length - b.bytes.length || a.bytes.compare(b.bytes))
    .map(({ pair }) => pair)
    .join(', ');
}

function unescaped(element: string): string {
  return element.replace(/\\(.)/gs, '$1');
}

function escaped(element: string): string {
  return `"${element.replace(/["\\]/g, String.raw`\$&`)}"`;
}
