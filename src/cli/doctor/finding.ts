/** How bad it is. */
export type Status = 'ok' | 'warning' | 'failure';

/** What the doctor has found out about one thing. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** Of several endpoints the one that it is about. */
  readonly endpoint?: string;
  readonly status: Status;
  readonly message: string;
  /** What to do, where there is something to do. */
  readonly advice?: string;
}

/** All is well. */
export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message };
}

/** It works, and may hurt. */
export function warning(check: string, message: string, advice: string): Finding {
  return { check, status: 'warning', message, advice };
}

/** It does not work. */
export function failure(check: string, message: string, advice: string): Finding {
  return { check, status: 'failure', message, advice };
}
