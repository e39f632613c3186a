import { z } from 'zod';
import { RULE } from './faults.ts';
import type { Faults } from './faults.ts';
import { escapeHtml, page } from './html.ts';
import { Refusal } from './route.ts';
import type { Route } from './route.ts';

/**
 * The same for every outside system: `POST /sandbox/faults {"rule": {…}}` sets a rule, `GET` lists the rules and the kinds there
 * are, `DELETE` (or `POST …/clear`) removes all or `?rule_id=`, and `GET /sandbox` shows it all to people. Unsigned: the
 * sandbox listens on loopback and is no part of an installation.
 */
export function faultRoutes(name: string, faults: Faults): Route[] {
  const list = () => ({ json: { kinds: faults.kinds ?? [], rules: faults.list() } });
  const clear: Route['handle'] = ({ query }) => {
    faults.clear(query.get('rule_id') ?? undefined);
    return list();
  };
  return [
    { method: 'GET', path: '/healthz', signed: false, handle: () => ({ json: { ok: true } }) },
    { method: 'GET', path: '/sandbox', signed: false, handle: () => ({ html: faultPage(name, faults) }) },
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
        const { rule } = parsed.data;
        if (!faults.knows(rule.kind)) throw new Refusal(400, `${name} has no fault ${rule.kind}; it knows ${[...new Set(faults.kinds?.map(({ kind }) => kind))].join(', ')}`);
        return { json: { rule: faults.add(rule) } };
      },
    },
  ];
}

function faultPage(name: string, faults: Faults): string {
  const rows = (faults.kinds ?? []).map(({ kind, on, about_en, about_zh }) => `<tr><td><code>${kind}</code></td><td>${on}</td><td>${escapeHtml(about_zh)}<br>${escapeHtml(about_en)}</td></tr>`);
  const rules = faults.list().map((rule) => `<tr><td>${rule.rule_id}</td><td><code>${escapeHtml(rule.kind)}</code></td><td>${escapeHtml(rule.path)}</td><td>${rule.struck}${rule.times === undefined ? '' : ` / ${rule.times}`}</td></tr>`);
  const kinds = `<h2>可设置的故障 · what it can be told</h2><table><tr><th>kind</th><th>on</th><th></th></tr>${rows.join('')}</table>`;
  const set = rules.length === 0 ? '<p>未设置故障 · none is set</p>' : `<table><tr><th>rule_id</th><th>kind</th><th>path</th><th>已触发 · struck</th></tr>${rules.join('')}</table>`;
  const how = `<pre>curl -X POST …${PATH} -H 'content-type: application/json' -d '{"rule":{"kind":"delay","path":"*","delay_ms":8000,"times":3,"probability":0.5}}'
curl -X DELETE …${PATH}</pre>`;
  return page(`${name} · 故障 faults`, `<h2>当前规则 · rules in force</h2>${set}${kinds}${how}`);
}

const PATH = '/sandbox/faults';
const BODY = z.object({ rule: RULE });
