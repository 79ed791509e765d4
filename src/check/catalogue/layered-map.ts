/** A map over another one, which it reads through and never changes. */
export class LayeredMap<Value extends object> {
  readonly #below: LayeredMap<Value> | undefined;
  /** `undefined` hides what is below. */
  readonly #own = new Map<string, Value | undefined>();

  constructor(below?: LayeredMap<Value>) {
    this.#below = below;
  }

  get(key: string): Value | undefined {
    return this.#own.has(key) ? this.#own.get(key) : this.#below?.get(key);
  }

  set(key: string, value: Value): void {
    this.#own.set(key, value);
  }

  delete(key: string): void {
    if (this.#below) this.#own.set(key, undefined);
    else this.#own.delete(key);
  }

  *values(): Generator<Value, void, undefined> {
    for (const value of this.#own.values()) if (value) yield value;
    if (!this.#below) return;
    for (const [key, value] of this.#below.#entries()) if (!this.#own.has(key)) yield value;
  }

  *#entries(): Generator<[string, Value], void, undefined> {
    for (const [key, value] of this.#own) if (value) yield [key, value];
    if (!this.#below) return;
    for (const entry of this.#below.#entries()) if (!this.#own.has(entry[0])) yield entry;
  }
}
