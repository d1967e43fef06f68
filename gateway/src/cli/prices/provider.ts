import type { Config } from '../../config/config.ts';
import type { PricedProvider } from '../../edge/prices/catalog.ts';
import { providers } from '../../providers/registry.ts';

/** Names that are shown when a model has no price. */
export const mostNear = 5;

/** A provider of the configuration; else the vendor of that name, so that one may ask before one configures it. */
export const pricedProvider = (
  { providers: known }: Config,
  name: string,
): PricedProvider | null => {
  const vendor = providers.get(name);
  return (
    known.get(name) ??
    (vendor === undefined ? null : { name, use: name, isSimulated: vendor.isSimulated })
  );
};
