/** What JSON has no form for, by the name of the only key of the object that stands for it. */
const FORMS: Readonly<Record<string, (text: string) => unknown>> = {
  $date: (text) => new Date(text),
  $bytes: (text) => Buffer.from(text, 'base64'),
  $bigint: (text) => BigInt(text),
  $number: Number,
  $undefined: () => undefined,
};

/** A result, or parameters, as a text. Objects of classes become plain ones. */
export function resultText(value: unknown): string {
  return JSON.stringify(formOf(value));
}

function formOf(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return { $bigint: value.toString() };
    case 'number':
      return Number.isFinite(value) ? value : { $number: String(value) };
    case 'undefined':
    case 'function':
    case 'symbol':
      return { $undefined: '' };
    case 'object':
      return formOfObject(value);
    default:
      return value;
  }
}

function formOfObject(value: object | null): unknown {
  if (value === null) return null;
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? '' : value.toISOString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(formOf);
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, formOf(inner)]);
  // An object that looks like one of our forms.
  const key = entries.length === 1 ? entries[0]?.[0] : undefined;
  return key !== undefined && (Object.hasOwn(FORMS, key) || key === '$object')
    ? { $object: entries }
    : Object.fromEntries(entries);
}

/** What {@link resultText} made a text of. */
export function resultOf(text: string): unknown {
  return valueOf(JSON.parse(text));
}

function valueOf(form: unknown): unknown {
  if (typeof form !== 'object' || form === null) return form;
  if (Array.isArray(form)) return form.map(valueOf);
  const entries = Object.entries(form) as [string, unknown][];
  const [only] = entries;
  if (only === undefined || entries.length > 1) return fromEntries(entries);
  const [key, inner] = only;
  if (key === '$object') return fromEntries(inner as [string, unknown][]);
  const make = Object.hasOwn(FORMS, key) ? FORMS[key] : undefined;
  return make === undefined ? fromEntries(entries) : make(inner as string);
}

function fromEntries(entries: readonly [string, unknown][]): object {
  return Object.fromEntries(entries.map(([key, inner]) => [key, valueOf(inner)]));
}
