import type { Member } from './member';

/**
 * Lets one transaction at a time have tables of its own. Two that copy the same table would wait for each other in
 * PostgreSQL, for its row in the catalogue; here the next one sends the one before away as soon as it is idle, which then
 * comes back only if it has more to do.
 */
export class PrivateRoom {
  #occupant: Member | undefined;
  #turn: Promise<void> = Promise.resolve();
  #wake: (() => void) | undefined;

  /** Waits until the room is the entrant's. */
  enter(entrant: Member): Promise<void> {
    // An occupant comes again when copying its tables failed at first. Behind those who queue it would wait for
    // somebody who waits for it to rest.
    if (this.#occupant === entrant) return Promise.resolve();
    this.#turn = this.#turn.then(async () => {
      while (this.#occupant) {
        const leaving = this.#occupant.leavePrivate();
        if (leaving) this.#occupant = undefined;
        await (leaving ?? this.#change());
      }
      this.#occupant = entrant;
    });
    return this.#turn;
  }

  /** A participant is not in private any more. */
  left(participant: Member): void {
    if (this.#occupant !== participant) return;
    this.#occupant = undefined;
    this.#wake?.();
  }

  /** A session has answered its client. */
  rests(participant: Member): void {
    if (this.#occupant === participant) this.#wake?.();
  }

  /** Resolves when the occupant has rested or left. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
