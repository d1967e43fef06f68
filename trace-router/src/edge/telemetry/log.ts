/** One JSON object per line on stderr; stdout is for the ready line. */
export interface Log {
  (
    level: 'info' | 'warn' | 'error',
    message: string,
    fields?: Readonly<Record<string, unknown>>,
  ): void;
}

/** A log that writes to `stream`. */
export const startLog =
  (stream: { write(text: string): unknown }): Log =>
  (level, message, fields = {}) => {
    const time = new Date().toISOString();
    stream.write(`${JSON.stringify({ time, level, part: 'trace-router', message, ...fields })}\n`);
  };
