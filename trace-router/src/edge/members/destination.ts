import type { RouterConfig } from '../../config/config.ts';
import type { Scan } from '../../otlp/scan.ts';
import type { Answer } from '../../model/answer.ts';

/** Where requests go: a set of members, or the built-in sampler. */
export interface Destination {
  /**
   * Takes a scanned request. `scan` is valid only until the first await, unless it
   * holds more than `spansAtOnce`: such a one has memory of its own. `patienceMs`: how long the client waits.
   */
  deliver(scan: Scan, patienceMs: number): Promise<Answer>;
  /** Takes over what of another configuration counts at once. */
  adopt(config: RouterConfig): void;
  /** Brings its gauges up to date. */
  report(): void;
  /** For `/members`. */
  describe(): unknown;
  /** Delivers what it holds, at most until then. */
  close(untilMs: number): Promise<void>;
}
