import { elapsedMs } from '../real-time';

/** Networks change: a measurement counts for one to two spans of this length, in milliseconds. */
export const SPAN_MS = 10 * 60_000;

/**
 * How far an endpoint is away, in milliseconds: the shortest time that it has lately taken to answer. A busy process measures
 * too much at times, and never too little.
 */
export class Distance {
  #before = Infinity;
  #now: number | undefined;
  #spanStartMs = 0;

  /** Nothing before the first measurement. */
  get ms(): number | undefined {
    return this.#now === undefined ? undefined : Math.min(this.#now, this.#before);
  }

  /** @returns how far it is by now */
  measured(tookMs: number): number {
    const isNewSpan = this.#now === undefined || elapsedMs() - this.#spanStartMs >= SPAN_MS;
    if (isNewSpan) {
      this.#before = this.#now ?? Infinity;
      this.#spanStartMs = elapsedMs();
    }
    this.#now = isNewSpan ? tookMs : Math.min(this.#now ?? tookMs, tookMs);
    return Math.min(this.#now, this.#before);
  }
}
