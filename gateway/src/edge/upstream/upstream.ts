import type { Pool } from 'undici';
import type { Timeouts } from '../../config/config.ts';
import type { Endpoint, Provider } from '../../providers/provider.ts';
import type { CredentialSource } from './credentials.ts';

/** A configured provider, ready to be called. */
export interface Upstream {
  /** Its name in the configuration. */
  readonly name: string;
  readonly provider: Provider;
  readonly endpoint: Endpoint;
  readonly credentials: CredentialSource;
  readonly account: string;
  readonly region: string;
  readonly serverAddress: string;
  readonly serverPort: number;
  readonly timeouts: Timeouts;
  readonly pool: Pool;
}
