/**
 * Consistent probability sampling: keep a trace if and only if R >= T, where R is the low 56 bits of its id and
 * T = (1 - probability) x 2^56. Any two samplers agree on the traces that the lower rate keeps.
 * https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
const space = 2 ** 56;

/** The rejection threshold for a percentage in [0, 100]. */
export const threshold = (percentage: number): number =>
  percentage >= 100 ? 0 : percentage <= 0 ? space : Math.round((1 - percentage / 100) * space);

/** The randomness of a trace id: its low 56 bits as a number (above 2^53 the last three bits are rounded away). */
export const randomness = (traceId: string): number => Number.parseInt(traceId.slice(-14), 16);

/** True when a trace of this randomness passes the threshold. */
export const passes = (value: number, least: number): boolean => least < space && value >= least;
