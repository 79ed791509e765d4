import type { ResolvedConnection } from '../../connection/without-driver';
import { failure, ok, type Finding } from './finding';
import { messageOf } from '../error-message';

/** Signs a token, and says what is in it, but for what it proves itself by. */
export async function examineToken({ signToken, user }: ResolvedConnection): Promise<Finding> {
  let token: string;
  try {
    token = await signToken();
  } catch (error) {
    return failure(
      'token',
      messageOf(error),
      'aws sts get-caller-identity shows who this machine is for AWS; aws configure list shows where that comes from.',
    );
  }
  const fields = new URL(`https://${token}`).searchParams;
  const of = (name: string) => fields.get(name) ?? '?';
  const [key = '?', date = '?', region = '?'] = of('X-Amz-Credential').split('/');
  const session = fields.has('X-Amz-Security-Token') ? 'a session token' : 'no session token';
  return ok(
    'token',
    `${of('Action')} for role ${user}, signed by key ${hidden(key)} with ${session}, on ${date} for ${region}, opens connections for ${of('X-Amz-Expires')} s, signature hidden`,
  );
}

/** A key id is no secret, and nobody needs all of it to know it again. */
function hidden(key: string): string {
  return `${key.slice(0, 4)}…${key.slice(-4)}`;
}
