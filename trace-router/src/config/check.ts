/** From a parsed document to a configuration, or to everything that is wrong with it. Pure. */
import { freeze, type Checked } from '@tollgate/settings/checked.ts';
import { isMap, type Context } from '@tollgate/settings/context.ts';
import { decoded } from '@tollgate/settings/decode.ts';
import { startComplaints, type Document } from '@tollgate/settings/document.ts';
import { readSections, rootOf } from '@tollgate/settings/sections.ts';
import { found } from '@tollgate/settings/shape.ts';
import { durationText } from '@tollgate/settings/units.ts';
import type { Policy } from '../policies/policy.ts';
import { checkPolicies } from './check-policies.ts';
import type { MemberConfig, RouterConfig } from './config.ts';
import { Member, mostMembers, Sections, sections } from './schema.ts';

const readMembers = (value: unknown, context: Context): RouterConfig['members'] => {
  const { complaints, document } = context;
  if (value === undefined || value === null || value === 'builtin') return 'builtin';
  if (!Array.isArray(value)) {
    const was = found(value, ['members'], document);
    complaints.add(['members'], `must be 'builtin' or a list of members, not ${was}`);
    return [];
  }
  const entries: readonly unknown[] = value;
  if (entries.length === 0) complaints.add(['members'], 'must not be empty');
  if (entries.length > mostMembers)
    complaints.add(['members'], `must have at most ${mostMembers} entries`);
  const names = new Map<string, number>();
  return entries.flatMap((entry, i): readonly MemberConfig[] => {
    const name = isMap(entry) ? entry['name'] : undefined;
    if (typeof name === 'string') {
      const first = names.get(name);
      // Two members of one name would be one on the ring.
      if (first !== undefined)
        complaints.add(['members', i, 'name'], `the name is taken by members[${first}]`);
      names.set(name, first ?? i);
    }
    const member = decoded(Member, entry, ['members', i], context);
    return member === null ? [] : [member];
  });
};

/** Rules between settings. Each is tried only where the settings themselves are right: one mistake is one problem. */
const checkRules = ({ send }: Pick<RouterConfig, 'send'>, { complaints }: Context): void => {
  if (complaints.under(['send'])) return;
  if (send.backoffMaxMs < send.backoffMs)
    complaints.add(
      ['send', 'backoffMax'],
      `must not be shorter than backoff, which is ${durationText(send.backoffMs)}`,
    );
};

const known = ['members', ...Object.keys(sections)];

/** Checks a whole document. The configuration is complete and frozen; problems come in the order of the file. */
export const check = (document: Document, policies: readonly Policy[]): Checked<RouterConfig> => {
  const complaints = startComplaints(document);
  const bad = (): Checked<RouterConfig> => ({ kind: 'bad', problems: complaints.all() });
  const context: Context = { document, complaints };
  const root = rootOf(known, 'members, receive, send ...', context);
  if (root === null) return bad();
  const members = readMembers(root['members'], context);
  const settings = readSections(Sections, root, context);
  if (settings === null) return bad();
  checkRules(settings, context);
  const voters = checkPolicies(settings.sampler.policies, policies, context);
  if (complaints.count() > 0) return bad();
  const { hash, file: source } = document;
  return { kind: 'ok', config: freeze({ hash, source, members, voters, ...settings }) };
};
