import type { Pool } from 'undici';
import type { UpstreamFacts } from '../../decide/attempt-record.ts';
import type { Timeouts } from '../../config/config.ts';
import type { Endpoint, Provider } from '../../providers/provider.ts';
import type { CredentialSource } from './credentials.ts';

/** A configured provider, ready to be called. */
export interface Upstream extends UpstreamFacts {
  /** Its name in the configuration. */
  readonly name: string;
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  readonly credentials: CredentialSource;
  readonly timeouts: Timeouts;
  readonly pool: Pool;
}
