import type { IncomingHttpHeaders } from 'node:http';
import { identity, type Identities } from '../../decide/identity.ts';
import { header } from '../../model/headers.ts';
import type { Runtime } from '../runtime.ts';
import { writtenHeader } from './arrival.ts';

/** On whose behalf a call is made. @param user the end user that a token vouches for; empty: the one that the headers name */
export const saidIdentity = (
  headers: IncomingHttpHeaders,
  { config, userName }: Runtime,
  user: string,
): Identities =>
  identity(
    {
      agent: writtenHeader(headers, 'x-tollgate-agent'),
      session: writtenHeader(headers, 'x-tollgate-session'),
      user: writtenHeader(headers, 'x-tollgate-user'),
      tags: writtenHeader(headers, 'x-tollgate-tags'),
      baggage: header(headers, 'baggage'),
    },
    { maxTags: config.limits.tagsPerCall, userName, user },
  );
