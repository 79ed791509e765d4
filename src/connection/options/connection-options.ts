import type { Credentials } from '../token';

/** How to reach a cluster. */
export interface ConnectionOptions {
  /**
   * `postgres://`, `postgresql://` or `dsql://[user@]host[:port][/database]` with the parameters `region`, `profile`,
   * `tokenDurationSecs`, `ormPrefix`, `hostaddr` and `sslrootcert`. The options beside it win over it.
   */
  readonly connectionString?: string | undefined;
  /**
   * Cluster endpoint, PrivateLink name, or 26-character cluster id.
   * @defaultValue the environment's CLUSTER_ENDPOINT
   */
  readonly host?: string | undefined;
  /**
   * The cluster's AWS Region.
   * @defaultValue the one in the host name, else the environment's AWS_REGION or AWS_DEFAULT_REGION
   */
  readonly region?: string | undefined;
  /**
   * The database role. `admin` is authorised by dsql:DbConnectAdmin, every other role by dsql:DbConnect.
   * @defaultValue the environment's CLUSTER_USER, else `admin`
   */
  readonly user?: string | undefined;
  /**
   * Aurora DSQL has exactly one database.
   * @defaultValue `postgres`
   */
  readonly database?: string | undefined;
  /**
   * TCP port, 1 to 65,535.
   * @defaultValue the environment's PGPORT, else 5432
   */
  readonly port?: number | undefined;
  /**
   * The named profile of the shared AWS configuration files.
   * @defaultValue the environment's AWS_PROFILE, which the default chain of the AWS SDK reads itself
   */
  readonly profile?: string | undefined;
  /**
   * AWS credentials, or a function that gives them.
   * @defaultValue the default credential provider chain of the AWS SDK
   */
  readonly credentials?: Credentials | undefined;
  /**
   * How long a token opens connections, in seconds, 1 to 604,800 (7 days). A connection outlives its token, so short is
   * good; more than an hour is warned about once.
   * @defaultValue 900
   */
  readonly tokenDurationSecs?: number | undefined;
  /**
   * The first part of `application_name`, before `:aurora-dsql-orm/<version>`.
   * @defaultValue none; the doors of the ORMs use `typeorm` and `sequelize`
   */
  readonly ormPrefix?: string | undefined;
  /**
   * The IP address or DNS name to dial instead of `host`, such as the own name of a VPC endpoint; SNI, certificate check
   * and token keep the cluster's name (AWS user guide, PrivateLink, 2026-09-15).
   * @defaultValue the environment's PGHOSTADDR
   */
  readonly hostaddr?: string | undefined;
  /**
   * Further certificate authorities to trust, in PEM, beside those that Node.js trusts.
   * @defaultValue the file that the environment's PGSSLROOTCERT names
   */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * `direct` starts TLS at once and saves a round trip (where the installed `pg` can); `postgres` asks first.
   * @defaultValue `direct`
   */
  readonly sslNegotiation?: 'direct' | 'postgres' | undefined;
  /**
   * The schema that becomes the search_path of every new connection.
   * @defaultValue the role's own search_path
   */
  readonly schema?: string | undefined;
  /**
   * How long a connection is used, in seconds, 1 to 3,600, less a random part of up to a tenth. Aurora DSQL ends
   * connections after 60 minutes (AWS user guide, quotas, 2026-09-15).
   * @defaultValue 3300
   */
  readonly maxLifetimeSecs?: number | undefined;
}
