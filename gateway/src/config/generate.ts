import { providers } from '../providers/registry.ts';
import { configurationDocs } from './generate-docs.ts';
import { providerDocs } from './generate-provider-docs.ts';
import { editorSchema } from './generate-schema.ts';

/** Everything that follows from the schema, the vendors and the tables, by path from the root of the repository. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({
  'gateway/gateway.schema.json': `${JSON.stringify(editorSchema(providers), null, 2)}\n`,
  'docs/configuration.md': configurationDocs(providers),
  'docs/providers.md': providerDocs(),
});
