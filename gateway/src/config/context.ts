import type { Context as Checking } from '@tollgate/settings/context.ts';
import type { SecretFiles } from '@tollgate/settings/read-secret.ts';
import type { Provider } from '../providers/provider.ts';

/** What the checks of every section share. */
export interface Context extends Checking {
  /** The vendors that `use:` may name. */
  readonly vendors: ReadonlyMap<string, Provider>;
  readonly files: SecretFiles;
}
