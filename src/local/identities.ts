import { randomBytes } from 'node:crypto';
import { randomCharacters } from './options';

/** An access key, valid for one local DSQL and nowhere else. */
export interface LocalCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const IAM_ARN = /^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/./;

/** The IAM roles that credentials were given for. */
export class Identities {
  readonly #byAccessKey = new Map<string, LocalCredentials & { readonly arn: string }>();

  /**
   * Returns credentials of any IAM role.
   *
   * @throws RangeError when `arn` does not look like an IAM ARN
   */
  assumeRole(arn: string): LocalCredentials {
    if (!IAM_ARN.test(arn)) throw new RangeError(`arn: expected an IAM ARN, got ${JSON.stringify(arn)}`);
    const accessKeyId = `AKIA${randomCharacters(16).toUpperCase()}`;
    const secretAccessKey = randomBytes(30).toString('base64');
    this.#byAccessKey.set(accessKeyId, { accessKeyId, secretAccessKey, arn });
    return Object.freeze({ accessKeyId, secretAccessKey });
  }

  /** Whose an access key is; nothing for one that was not given here. */
  of(accessKeyId: string): (LocalCredentials & { readonly arn: string }) | undefined {
    return this.#byAccessKey.get(accessKeyId);
  }
}
