import { literal } from '../sql';

/**
 * What sets the time zone of a new session, if it is to be set: UTC is what a session of Aurora DSQL starts with, and the
 * default of Sequelize.
 */
export function timeZoneStatement({
  timezone = '+00:00',
  keepDefaultTimezone,
}: {
  readonly timezone?: string | undefined;
  readonly keepDefaultTimezone?: boolean | undefined;
}): string | undefined {
  if (keepDefaultTimezone === true || timezone === '+00:00') return undefined;
  return /^[+-]\d\d:\d\d$/.test(timezone)
    ? `SET TIME ZONE INTERVAL '${timezone}' HOUR TO MINUTE`
    : `SET TIME ZONE ${literal(timezone)}`;
}
