import { elapsedMs } from '../real-time';

/** Networks change: a measurement counts for one to two spans of this length, in milliseconds. */
const SPAN_MS = 10 * 60_000;

/** One measurement may be far too long: there are so many, with such pauses, before there is nothing more to find out. */
const FIRST_MEASUREMENTS = 3;
const FIRST_PAUSE_MS = 1_000;

/**
 * How far an endpoint is away, in milliseconds: the shortest time that it has lately taken to answer. A busy process measures
 * too much at times, and never too little.
 */
export class Distance {
  #before = Infinity;
  #now: number | undefined;
  #spanStartMs = 0;
  #attempts = 0;

  /** Nothing before the first measurement. */
  get ms(): number | undefined {
    return this.#now === undefined ? undefined : Math.min(this.#now, this.#before);
  }

  /** How long to wait before it is measured again, in milliseconds. */
  get pauseMs(): number {
    return this.#attempts < FIRST_MEASUREMENTS ? FIRST_PAUSE_MS : SPAN_MS;
  }

  /** It has answered, and not in a way that says how far it is. */
  notMeasured(): void {
    this.#attempts++;
  }

  /** @returns how far it is by now */
  measured(tookMs: number): number {
    this.#attempts++;
    const isNewSpan = this.#now === undefined || elapsedMs() - this.#spanStartMs >= SPAN_MS;
    if (isNewSpan) {
      this.#before = this.#now ?? Infinity;
      this.#spanStartMs = elapsedMs();
    }
    this.#now = isNewSpan ? tookMs : Math.min(this.#now ?? tookMs, tookMs);
    return Math.min(this.#now, this.#before);
  }
}
