import { z } from 'zod';
import { RULE } from './faults.ts';
import type { Faults } from './faults.ts';
import { Refusal } from './route.ts';
import type { Route } from './route.ts';

/**
 * `POST /sandbox/faults {"rule": {…}}` adds a rule, `GET` lists, `DELETE` (or `POST …/clear`) removes all or `?rule_id=`.
 * Unsigned: the sandbox listens on loopback and is no part of an installation.
 */
export function faultRoutes(faults: Faults): Route[] {
  const list = () => ({ json: { rules: faults.list() } });
  const clear: Route['handle'] = ({ query }) => {
    faults.clear(query.get('rule_id') ?? undefined);
    return list();
  };
  return [
    { method: 'GET', path: '/healthz', signed: false, handle: () => ({ json: { ok: true } }) },
    { method: 'GET', path: PATH, signed: false, handle: list },
    { method: 'DELETE', path: PATH, signed: false, handle: clear },
    { method: 'POST', path: `${PATH}/clear`, signed: false, handle: clear },
    {
      method: 'POST',
      path: PATH,
      signed: false,
      handle({ json }) {
        const parsed = BODY.safeParse(json);
        if (!parsed.success) throw new Refusal(400, z.prettifyError(parsed.error));
        return { json: { rule: faults.add(parsed.data.rule) } };
      },
    },
  ];
}

const PATH = '/sandbox/faults';
const BODY = z.object({ rule: RULE });
