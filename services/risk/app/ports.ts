import type { Result } from '#kit/base/result.ts';
import type { Block, Subject, SubjectKind } from '../domain/block.ts';
import type { Decision } from '../domain/decision.ts';
import type { Take, Taken } from '../domain/limit.ts';
import type { Report } from '../domain/signals.ts';

/** Token buckets that every edge and process shares. */
export type Buckets = {
  /** Takes `hits` tokens from each bucket that has them; one answer a bucket, in order. Throws when the store is away. */
  take(takes: readonly Take[], hits: number): Promise<Taken[]>;
};

/** Who asks for a write, for the audit and for idempotency. */
export type Actor = { account_id: string; device_id: string; ip: string; request_id: string; method: string; body_hash: Uint8Array };

export type Page<T> = { items: T[]; next: string | undefined };

export type NewBlock = Omit<Block, 'block_id' | 'create_time_ms' | 'subject_key' | 'subject_masked'> & { subject: Subject };

export type BlockStore = {
  /** The value itself for accounts, a blind index for everything personal. */
  keyOf(subject: Subject): string;
  active(): Promise<Block[]>;
  list(page_size: number, after: string | undefined): Promise<Page<Block>>;
  add(block: NewBlock, actor: Actor): Promise<Result<Block>>;
  remove(block_id: string, actor: Actor): Promise<Result<void>>;
};

/** Which blocks are known for a subject, from memory. */
export type BlockIndex = { of(kind: SubjectKind, value: string): readonly Block[] };

export type Verdict = 'OPEN' | 'CONFIRMED' | 'CLEARED';

/** A case as people see it: nothing personal in clear. */
export type Case = {
  evidence_id: string; operation: string; decision: Decision; reason: string; time_ms: number; subjects: { kind: SubjectKind; masked: string }[];
  verdict: Verdict; note: string; reviewed_by: string; review_time_ms: number | undefined;
};

/** Why an operation was not simply allowed: kept for people who check it (requirements: 证据链, 人工复核). */
export type EvidenceStore = {
  add(evidence: { evidence_id: string; operation: string; decision: Decision; reason: string; subjects: readonly Subject[]; time_ms: number }): Promise<void>;
  /** Newest first. */
  list(verdict: Verdict | undefined, page_size: number, before: string | undefined): Promise<Page<Case>>;
  /** EVIDENCE_NOT_FOUND. */
  review(evidence_id: string, verdict: Verdict, note: string, actor: Actor): Promise<Result<Case>>;
};

export type CaptchaStore = {
  put(captcha_id: string, answer: string, ttl_ms: number): Promise<void>;
  /** The answer, once: a captcha is tried once. */
  take(captcha_id: string): Promise<string | undefined>;
  /** True the first time; a token is spent once. */
  spend(token_id: string, ttl_ms: number): Promise<boolean>;
};

export type GrayRule = { percent: number; cities: string[]; channels: string[]; account_ids: string[]; value_json: string };

export type ConfigEntry = {
  key: string;
  value_json: string;
  version: number;
  update_time_ms: number;
  updated_by: string;
  comment: string;
  gray: GrayRule | undefined;
};

export type ConfigStore = {
  current(): Promise<ConfigEntry[]>;
  versions(key: string, page_size: number, before: number | undefined): Promise<Page<ConfigEntry>>;
  /** VERSION_STALE when the key's version is no longer `base_version`. */
  put(entry: Pick<ConfigEntry, 'key' | 'value_json' | 'comment' | 'gray'>, base_version: number, actor: Actor): Promise<Result<ConfigEntry>>;
};

/** What processes reported lately. */
export type ReportStore = {
  /** Replaces the process's last report. */
  put(report: Report): Promise<void>;
  /** Reports that are not older than some seconds. Throws when the store is away. */
  recent(): Promise<Report[]>;
};
