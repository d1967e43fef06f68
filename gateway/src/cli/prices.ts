import type { Group } from './command.ts';

/** `tollgate prices ...`: what calls are priced by, why, and how that is renewed without a release. */
export const prices: Group = {
  name: 'prices',
  description: 'Look at the prices of calls, and renew them',
  commands: [
    {
      name: 'show',
      description:
        'The catalogue in force: its version, age and sources, or the prices of a provider or model, in dollars per million tokens and per thousand searches',
      load: async () => (await import('./prices/show.ts')).show,
    },
    {
      name: 'explain',
      description: 'What a call would cost, line by line, and where each price was found',
      load: async () => (await import('./prices/explain.ts')).explain,
    },
    {
      name: 'diff',
      description:
        'Compare the catalogue in force with a file, signed or not: what it would change',
      load: async () => (await import('./prices/diff.ts')).diff,
    },
    {
      name: 'sign',
      description: 'Sign a catalogue, so that gateways that know the public key take it',
      load: async () => (await import('./prices/sign.ts')).signCatalogue,
    },
    {
      name: 'import',
      description: 'Verify a signed catalogue and put it in place; a running gateway takes it over',
      load: async () => (await import('./prices/import.ts')).importCatalogue,
    },
  ],
};
