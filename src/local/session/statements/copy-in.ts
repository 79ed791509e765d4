import { copyFail, flush } from '../../wire/client-messages';
import type { Message } from '../../wire/message-buffer';
import type { BackendLink, Outcome } from '../backend-link';
import type { ClientInput } from '../client-input';

/**
 * Passes the data of a `COPY … FROM STDIN` on, from PostgreSQL's CopyInResponse to the end of the COPY.
 *
 * @param receive - gets what PostgreSQL answers at the end
 * @param record - gets every message of the client's that PostgreSQL is given
 * @returns how the COPY ended; what the client still sends of a failed one is left in `input`
 */
export async function copyIn(
  input: ClientInput,
  link: BackendLink,
  receive: (message: Message) => void,
  record: (bytes: Buffer) => void,
): Promise<Outcome> {
  const done = link.exchange([{ bytes: Buffer.alloc(0), ends: 'C', receive }], 'flush');
  let ended = false;
  const end = () => {
    ended = true;
  };
  done.then(end, end);
  const isOver = () => ended;

  for (;;) {
    let message = input.buffered();
    if (!message) {
      link.awaitsClient = true;
      await Promise.race([input.peek(), done]).finally(() => {
        link.awaitsClient = false;
      });
      if (isOver()) return await done;
      message = await input.message();
    }
    if (isOver()) return await done;
    switch (message?.type) {
      case 'd':
        record(message.bytes);
        await link.send(message.bytes);
        break;
      case 'c':
      case 'f':
        record(message.bytes);
        // PostgreSQL ignored the Flush before: it does so while it reads data.
        await link.send(Buffer.concat([message.bytes, flush]));
        return await done;
      case 'S':
      case 'H':
        break; // ignored while data is read, as PostgreSQL does
      default: {
        const reason = message
          ? `unexpected message type 0x${(message.bytes[0] ?? 0).toString(16).padStart(2, '0')} during COPY from stdin`
          : 'the client closed the connection';
        await link.send(Buffer.concat([copyFail(reason), flush]));
        return await done;
      }
    }
  }
}
