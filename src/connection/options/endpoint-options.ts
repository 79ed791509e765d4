/** One endpoint of a cluster of several Regions. */
export interface EndpointOptions {
  /** Endpoint, PrivateLink name, or 26-character cluster id. */
  readonly host: string;
  /**
   * Its AWS Region.
   * @defaultValue the one in the host name, else the environment's AWS_REGION or AWS_DEFAULT_REGION
   */
  readonly region?: string | undefined;
  /**
   * TCP port, 1 to 65,535.
   * @defaultValue the connection's own `port`
   */
  readonly port?: number | undefined;
  /**
   * The IP address or DNS name to dial instead of `host`.
   * @defaultValue none; PGHOSTADDR is passed over, as it says one address for all
   */
  readonly hostaddr?: string | undefined;
}
