import { create, getOption, hasOption } from '@bufbuild/protobuf';
import type { DescMethod, DescService, MessageInitShape } from '@bufbuild/protobuf';
import { Access, MethodRuleSchema, rule as ruleOption } from '#gen/rail/options/v1/options_pb.ts';
import type { MethodRule } from '#gen/rail/options/v1/options_pb.ts';
import { fail, ok } from '#kit/base/result.ts';
import type { Result } from '#kit/base/result.ts';
import type { Caller } from './caller.ts';

export { Access };
export type RuleInit = MessageInitShape<typeof MethodRuleSchema>;

/** The deadline that a method's rule stands for when it names none, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 3000;

/** What a method states about itself, as the server uses it. */
export type AccessRule = { access: ReadonlySet<Access>; callers: ReadonlySet<string>; timeout_ms: number; endless: boolean };

/**
 * The rule of a method. Throws when it states none, names nobody, or names services without saying which: a server with
 * such a method must not start (default deny). `foreign` is the rule for contracts of others, which cannot carry ours.
 */
export function ruleOf(method: DescMethod, foreign?: RuleInit): AccessRule {
  const rule = statedRule(method, foreign);
  const where = `${method.parent.typeName}.${method.name}`;
  if (rule === undefined) throw new Error(`${where} states no rule: add option (rail.options.v1.rule)`);
  const access = new Set(rule.access);
  if (access.size === 0 || access.has(Access.UNSPECIFIED)) throw new Error(`${where} names nobody who may call it`);
  if (access.has(Access.SERVICE) !== rule.callers.length > 0) throw new Error(`${where}: ACCESS_SERVICE and callers go together`);
  return { access, callers: new Set(rule.callers), timeout_ms: rule.timeoutMs === 0 ? DEFAULT_TIMEOUT_MS : rule.timeoutMs, endless: rule.endless };
}

/** Whether a verified caller may call: TOKEN_MISSING when signing in would help, else NOT_ALLOWED. */
export function checkAccess({ access, callers }: AccessRule, caller: Caller): Result<void> {
  if (access.has(Access.PUBLIC)) return ok();
  if (caller.kind === 'anonymous') return fail('TOKEN_MISSING');
  if (caller.kind === 'service') return access.has(Access.SERVICE) && callers.has(caller.service) ? ok() : fail('NOT_ALLOWED');
  const allowed =
    access.has(Access.ACCOUNT) ||
    (access.has(Access.OPERATOR) && caller.roles.includes('operator')) ||
    (access.has(Access.INSPECTOR) && caller.roles.includes('inspector'));
  return allowed ? ok() : fail('NOT_ALLOWED');
}

/** Every method of a service with its rule, as the edge's routes and the mesh's policy are made from. */
export function rulesOf(service: DescService): Array<{ method: DescMethod; rule: AccessRule }> {
  return service.methods.map((method) => ({ method, rule: ruleOf(method) }));
}

function statedRule(method: DescMethod, foreign: RuleInit | undefined): MethodRule | undefined {
  if (hasOption(method, ruleOption)) return getOption(method, ruleOption);
  return foreign === undefined ? undefined : create(MethodRuleSchema, foreign);
}
