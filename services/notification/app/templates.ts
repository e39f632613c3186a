import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import { SEED_TEMPLATES } from '../domain/seeds.ts';
import { checkProposal } from '../domain/template.ts';
import type { MessageChannel, Template } from '../domain/template.ts';
import { SYSTEM } from './ports.ts';
import type { Actor, Deps, NotificationStore } from './ports.ts';

/** Puts the wordings of the product into an empty database; a template that has any version is left alone. */
export async function seedTemplates(store: NotificationStore, now_ms: number): Promise<void> {
  await store.record(SYSTEM, async (unit) => {
    for (const template of SEED_TEMPLATES) {
      if ((await unit.templates.newest(template.template_id, template.channel)) === 0n) await unit.templates.insert(template, now_ms);
    }
  });
}

export async function listTemplates(deps: Deps, actor: Actor): Promise<Result<Template[]>> {
  return ok(await deps.store.record(actor, (unit) => unit.templates.active()));
}

export type Proposal = Pick<Template, 'template_id' | 'channel' | 'title_zh' | 'body_zh' | 'title_en' | 'body_en'>;

/** Proposes the next version of an active template. */
export async function proposeTemplate(deps: Deps, actor: Actor, request_id: string, proposal: Proposal): Promise<Result<Template>> {
  const { template_id, channel, title_zh, body_zh, title_en, body_en } = proposal;
  return deps.store.write(actor, async (unit) => {
    const fingerprint = [template_id, channel, title_zh, body_zh, title_en, body_en];
    const once = await unit.once({ account_id: actor.account_id, request_id, method: 'ProposeTemplate', fingerprint }, async () => {
      const active = (await unit.templates.activeOf(template_id)).find((one) => one.channel === channel);
      if (active === undefined) return fail('TEMPLATE_NOT_FOUND');
      const checked = checkProposal(proposal, active);
      if (!checked.ok) return checked;
      const version = (await unit.templates.newest(template_id, channel)) + 1n;
      await unit.templates.insert({ ...proposal, version, state: 'PROPOSED', author: actor.account_id, reviewer: '' }, deps.clock.now_ms());
      await unit.audit({ operation: 'notification.ProposeTemplate', target: `template/${template_id}/${channel}`, result: 'ok', request_id, version });
      return ok(String(version));
    });
    if (!once.ok) return once;
    const template = await unit.templates.version({ template_id, channel, version: BigInt(once.value.answer) });
    return template === undefined ? fail('TEMPLATE_NOT_FOUND') : ok(template);
  });
}

export type Review = { request_id: string; template_id: string; channel: MessageChannel; version: bigint; approve: boolean };

/** Approves or rejects a proposed version. Four eyes: not by its author (NOT_ALLOWED). */
export async function reviewTemplate(deps: Deps, actor: Actor, { request_id, template_id, channel, version, approve }: Review): Promise<Result<Template>> {
  const reviewed = await deps.store.write(actor, async (unit) => {
    const fingerprint = [template_id, channel, String(version), String(approve)];
    const once = await unit.once({ account_id: actor.account_id, request_id, method: 'ReviewTemplate', fingerprint }, async () => {
      const template = await unit.templates.version({ template_id, channel, version });
      if (template === undefined) return fail('TEMPLATE_NOT_FOUND');
      if (template.author === actor.account_id) return fail('NOT_ALLOWED', { detail: 'an author does not review' });
      if (!(await unit.templates.review(template, actor.account_id, approve, deps.clock.now_ms()))) return fail('CONFLICT', { detail: 'it was reviewed already' });
      await unit.audit({ operation: 'notification.ReviewTemplate', target: `template/${template_id}/${channel}`, result: approve ? 'ok' : 'REJECTED', request_id, version });
      return ok('');
    });
    if (!once.ok) return once;
    const template = await unit.templates.version({ template_id, channel, version });
    return template === undefined ? fail('TEMPLATE_NOT_FOUND') : ok(template);
  });
  deps.templates.reviewed();
  return reviewed;
}
