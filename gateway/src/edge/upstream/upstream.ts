import type { Pool } from 'undici';
import type { Timeouts } from '../../config/config.ts';
import type { Operation } from '../../model/call.ts';
import type { Addressed, Provider } from '../../providers/provider.ts';

/** A configured provider, ready to be called. */
export interface Upstream {
  /** Its name in the configuration. */
  readonly name: string;
  readonly provider: Provider;
  /** Path and headers of a request, the credential among them; null when this provider does not do that. */
  address(operation: Operation): Addressed | null;
  readonly account: string;
  readonly region: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly timeouts: Timeouts;
  readonly pool: Pool;
}
