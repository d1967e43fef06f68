import type { ChatCall } from '../../../model/chat.ts';
import type { JsonObject } from '../../../model/json.ts';
import type { Checked } from '../dialect.ts';
import { unsupported } from '../fields.ts';

export const read = (_body: JsonObject): Checked<ChatCall> => ({
  kind: 'bad',
  problem: unsupported('model', 'cannot be translated yet.'),
});
