/** A kept trace, or late spans of one, to be written. */
export interface KeptRows {
  /** A line of JSONEachRow for each span. */
  readonly rows: Buffer;
  readonly spans: number;
}
