/** A browser for the tests that need one. Ubuntu has no deb of it, so it may be missing: those tests then say skipped. */
import { executable, outcomeOf, which } from './command.ts';
import { aptInstall, aptKnows, isRoot } from './debian.ts';
import { Told } from '../say.ts';
import type { Installer, Tool } from './tool.ts';

const NAMES = ['chromium', 'google-chrome-stable', 'google-chrome', 'chromium-browser'];
/** With fonts that have Chinese letters: screenshots are looked at. */
const PACKAGES = ['chromium', 'fonts-noto-cjk'];

export const chromium: Installer = {
  name: 'chromium',
  find,
  async missing() {
    if (isRoot() && which('apt-get')) return [];
    return [{ what: 'chromium, for the tests of the web page', what_zh: 'chromium（网页测试用）', commands: [`sudo apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`] }];
  },
  async install(tell) {
    await aptInstall(tell, (await aptKnows(PACKAGES)) ? PACKAGES : ['chromium']);
    const tool = await find();
    if (!tool) throw new Told('chromium was installed but does not run', 'chromium 已安装但无法运行');
    return tool;
  },
};

/** Asks for its version, because Ubuntu's chromium-browser is a placeholder that only says to install a snap. */
async function find(): Promise<Tool | undefined> {
  const override = process.env.CHROMIUM_PATH;
  for (const path of [override, ...NAMES.map(which)]) {
    if (!path || !executable(path)) continue;
    const { code, stdout } = await outcomeOf([path, '--version'], { deadline_ms: 30_000 });
    const version = /\d+(?:\.\d+)+/.exec(stdout)?.[0];
    if (code === 0 && version) return { path, version, env: {}, folder: '' };
  }
  return undefined;
}
