const { now } = Date;
let aheadMs = 0;

// What is imported after this reads the time of the system here.
Date.now = () => now() + aheadMs;

/** Puts the time of the system ahead, as after a freeze of the process: the timers have not fired yet. */
export function later(ms: number): void {
  aheadMs = ms;
}
