/**
 * How many connections should a worker let go of, so that others get their share? Connections that clients keep open stay with the
 * worker that accepted them: after a burst, or after a worker was started again, one may have nearly all of them, and
 * then so many workers carry hardly more than one.
 */

/** A part above the mean, and a few connections more, are chance: nobody is asked to connect again for that. */
const slackPart = 1.25;
const slackCount = 4;

/** @param counts connections of all workers that serve, `own` among them */
export const surplus = (own: number, counts: readonly number[]): number => {
  const mean = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
  return own > mean * slackPart + slackCount ? Math.floor(own - mean) : 0;
};
