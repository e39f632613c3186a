/** What an installer promises. */
import type { Say } from '../say.ts';

/** A program ready to run. `env` is added to the environment (a private copy finds its libraries by it). */
export type Tool = { path: string; version: string; env: Record<string, string>; folder: string };

export type ToolName = 'redis' | 'mariadb' | 'nats' | 'envoy' | 'chromium' | 'opensearch' | 'kustomize';

/** Something the machine lacks and only its owner may add. */
export type Missing = { what: string; what_zh: string; commands: string[] };

export type Installer = {
  name: ToolName;
  /** The tool if it is already there; quick, changes nothing. */
  find(): Promise<Tool | undefined>;
  /** What must be there before `install` can work and can't be put there by this user. Empty when nothing is. */
  missing(): Promise<Missing[]>;
  /** Puts the tool under `.tools/`; called under the tools lock, with nothing `missing`. */
  install(tell: Say): Promise<Tool>;
};
