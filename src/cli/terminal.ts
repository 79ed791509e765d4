import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

/** A colour of a terminal. */
export type Style = 'green' | 'yellow' | 'red' | 'gray';

/** A text in a colour, where it is for a terminal that has colours and NO_COLOR does not forbid them. */
export function styled(
  stream: NodeJS.WriteStream & Partial<WriteStream>,
  style: Style,
  text: string,
): string {
  return stream.isTTY && stream.hasColors(process.env) ? styleText(style, text) : text;
}
