import type { Group } from './command.ts';

/** `tollgate keys ...`: who may call. */
export const keys: Group = {
  name: 'keys',
  description: 'List, make, rotate and revoke keys of callers',
  commands: [
    {
      name: 'list',
      description: 'List all keys, those of the configuration file too',
      load: async () => (await import('./control/keys.ts')).listKeys,
    },
    {
      name: 'create',
      description: 'Make a key; its secret is shown once',
      load: async () => (await import('./control/keys.ts')).createKey,
    },
    {
      name: 'rotate',
      description: 'Give a key a new secret',
      load: async () => (await import('./control/keys.ts')).rotateKey,
    },
    {
      name: 'revoke',
      description: 'Take a key away: its next call is refused',
      load: async () => (await import('./control/keys.ts')).revokeKey,
    },
  ],
};

/** `tollgate budgets ...`: what may be spent. */
export const budgets: Group = {
  name: 'budgets',
  description: 'List, make, change and delete budgets, and see how they stand',
  commands: [
    {
      name: 'list',
      description: 'List all budgets and how they stand, those of the configuration file too',
      load: async () => (await import('./control/budgets.ts')).listBudgets,
    },
    {
      name: 'create',
      description: 'Make a budget, in force at once',
      load: async () => (await import('./control/budgets.ts')).createBudget,
    },
    {
      name: 'change',
      description: 'Give a budget another limit',
      load: async () => (await import('./control/budgets.ts')).changeBudget,
    },
    {
      name: 'delete',
      description: 'Take a budget away',
      load: async () => (await import('./control/budgets.ts')).deleteBudget,
    },
  ],
};

/** `tollgate audit ...`: who changed what. */
export const audit: Group = {
  name: 'audit',
  description: 'Read the audit of the control plane, and verify that it is whole',
  commands: [
    {
      name: 'list',
      description: 'List every change and every refused try, oldest first',
      load: async () => (await import('./control/audit.ts')).listAudit,
    },
    {
      name: 'verify',
      description: 'Check that each entry is linked to the one before it',
      load: async () => (await import('./control/audit.ts')).verifyAudit,
    },
  ],
};
