import { readSecret } from '@tollgate/settings/read-secret.ts';
import type { Secret } from '@tollgate/settings/secret.ts';
import { shaped } from '@tollgate/settings/shape.ts';
import type { Context } from './context.ts';
import { Users } from './schema.ts';

/** Shorter ones can be guessed, and then names can be tried. */
const shortest = 16;

/** What the names of end users are hashed with; null: nothing, or there is something wrong with it, which has been said. */
export const checkUsers = (value: unknown, context: Context): Secret | null => {
  if (value === undefined || value === null) return null;
  const users = shaped(Users, value, ['users'], context);
  if (users === null) return null;
  const at = ['users', 'hashKey'];
  const read = readSecret(users.hashKey, at, 'write ${VARIABLE} or { file: PATH }', context);
  if (read.kind !== 'secret') return null;
  if (read.secret.reveal().length >= shortest) return read.secret;
  context.complaints.add(at, `must have at least ${shortest} characters; better 32 random ones`);
  return null;
};
