import { policies } from '../policies/registry.ts';
import { routerDocs } from './generate-docs.ts';
import { editorSchema } from './generate-schema.ts';

/** Everything that follows from the declarations and the policies, by path from the root of the repository. */
export const generatedFiles = (): Readonly<Record<string, string>> => ({
  'trace-router/trace-router.schema.json': `${JSON.stringify(editorSchema(policies), null, 2)}\n`,
  'docs/trace-router.md': routerDocs(policies),
});
