#!/usr/bin/env node
// The way in: `npm start`, `npm test` and the others call `node bootstrap.mjs <command> [arguments]`.
// It runs on any Node from 20 with nothing installed: installs the npm packages when they are missing or out of step
// with the lock, then runs scripts/<command>.ts with the Node that those packages carry, which strips types.
// This is the only plain JavaScript file; it stays in syntax that old versions of Node can at least complain in.
import { spawn, spawnSync } from "child_process";
import { existsSync, mkdirSync, readFileSync } from "fs";
import { basename, dirname, join } from "path";
import { fileURLToPath } from "url";

const NODE_MAJOR_MIN = 20;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
// A terminal's Ctrl-C reaches this process twice, from the terminal and from npm; both are one wish.
const SAME_SIGNAL_WITHIN_MS = 1000;

const root = dirname(fileURLToPath(import.meta.url));
const modules = join(root, "node_modules");
const node = join(modules, ".bin", "node");
const chinese = /^zh/i.test(process.env.LC_ALL || process.env.LC_MESSAGES || process.env.LANG || "");
const begun_ms = Date.now();

main(process.argv[2], process.argv.slice(3)).catch((error) => fail(String((error && error.message) || error), String((error && error.message) || error)));

async function main(command, args) {
  if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
    fail(
      `This needs Node ${NODE_MAJOR_MIN} or newer; this is ${process.version}. Debian and Ubuntu: see https://nodejs.org/en/download`,
      `需要 Node ${NODE_MAJOR_MIN} 或更新的版本，当前是 ${process.version}。安装方法见 https://nodejs.org/en/download`,
    );
  }
  if (command === "--install") return install();
  const entry = join(root, "scripts", `${command}.ts`);
  if (!command || !/^[a-z_]+$/.test(command) || !existsSync(entry)) {
    fail(
      `usage: node bootstrap.mjs start|stop|test|check|demo|bench|simulate|generate|migrate [arguments]${command ? ` ("${command}" is not there)` : ""}`,
      `用法：node bootstrap.mjs start|stop|test|check|demo|bench|simulate|generate|migrate [参数]${command ? `（没有 "${command}"）` : ""}`,
    );
  }
  if (!installed()) await installOnce();
  // One leading "--" only says that options follow; `npm start -- --x` and `node bootstrap.mjs start -- --x` are the same.
  const rest = args[0] === "--" ? args.slice(1) : args;
  // Should this process be killed, the command hears SIGTERM from the kernel and ends what it started.
  await run([...dieWithParent("TERM"), node, entry, ...rest], {
    ...process.env,
    PATH: `${join(modules, ".bin")}:${process.env.PATH || ""}`,
    // Dozens of processes load the same modules: stripping types and compiling is done once. `npm ci` empties the folder.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(modules, ".cache", "compiled"),
  });
}

/** Whether every package of the lock is there in its version, judged by the record npm writes when it has finished. */
function installed() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
    const present = JSON.parse(readFileSync(join(modules, ".package-lock.json"), "utf8")).packages;
    for (const path of Object.keys(wanted)) {
      if (path === "" || (wanted[path].optional && !present[path])) continue;
      if (!present[path] || present[path].version !== wanted[path].version) return false;
    }
    return existsSync(node);
  } catch {
    return false;
  }
}

/** Two commands at the same moment install once: the kernel's file lock lasts exactly as long as the installer lives. */
async function installOnce() {
  mkdirSync(join(root, ".tools"), { recursive: true });
  const self = [process.execPath, join(root, "bootstrap.mjs"), "--install"];
  const locked = has("flock") ? ["flock", join(root, ".tools", "npm.lock"), ...self] : self;
  const code = await run([...dieWithParent("KILL"), ...locked], process.env, true);
  if (code !== 0) process.exit(code);
}

async function install() {
  if (installed()) return;
  await ensureLibatomic();
  say("installing the npm packages of package-lock.json (about 20 s)", "正在安装 package-lock.json 里的 npm 包（约 20 秒）");
  const waiting = setInterval(() => say("… still installing", "……仍在安装"), 15000);
  const npm = npmCommand();
  // Engine warnings speak of the Node that installs; the packages run on the Node 26 among them.
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const code = await run([...npm, ...args], { ...process.env, npm_config_engine_strict: "false" }, true);
  clearInterval(waiting);
  if (code !== 0) {
    fail(
      `npm ci failed (exit code ${code}); its words are above. Is the package registry reachable (npm ping)? Is there room (df -h .)? Then run this again.`,
      `npm ci 失败（退出码 ${code}），原因见上。请检查能否访问软件源（npm ping）、磁盘空间（df -h .），然后重试。`,
    );
  }
  await ensureNode();
  say("npm packages are installed", "npm 包已安装");
}

/** Node 26 needs a library that a minimal Debian or Ubuntu lacks, and install scripts of packages already run on it. */
async function ensureLibatomic() {
  const machine = { x64: "x86_64", arm64: "aarch64" }[process.arch];
  const folders = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", `/lib/${machine}-linux-gnu`, `/usr/lib/${machine}-linux-gnu`];
  const present = () => folders.some((folder) => existsSync(join(folder, "libatomic.so.1")));
  if (process.platform !== "linux" || present()) return;
  if (process.getuid() === 0 && has("apt-get")) {
    say("installing libatomic1, which Node 26 needs", "正在安装 Node 26 需要的 libatomic1");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const options = ["-qq", "-o", "DPkg::Lock::Timeout=300"];
    await run(["apt-get", ...options, "update"], env, true);
    await run(["apt-get", ...options, "install", "-y", "--no-install-recommends", "libatomic1"], env, true);
    if (present()) return;
  }
  fail(
    "Node 26, which comes with the npm packages, needs the library libatomic. Install it, then run this again:\n  sudo apt-get update && sudo apt-get install -y libatomic1",
    "npm 包里的 Node 26 需要 libatomic 库。请安装后重试：\n  sudo apt-get update && sudo apt-get install -y libatomic1",
  );
}

/** The package `node` fetches its binary in an install script; where scripts are switched off, run just that one. */
async function ensureNode() {
  if (works(node)) return;
  const folder = join(modules, "node");
  await run([process.execPath, "installArchSpecificPackage.js"], process.env, true, folder);
  if (!works(node)) {
    fail(
      "The npm package `node` did not bring its binary. Try: npm rebuild node --foreground-scripts",
      "npm 包 `node` 没有装好它的可执行文件。请尝试：npm rebuild node --foreground-scripts",
    );
  }
}

/** The npm that called us, else the one on the PATH. */
function npmCommand() {
  const caller = process.env.npm_execpath;
  if (caller && basename(caller) === "npm-cli.js" && existsSync(caller)) return [process.execPath, caller];
  if (!has("npm")) fail("npm is not on the PATH; it comes with Node.", "PATH 里没有 npm；它随 Node 一起安装。");
  return ["npm"];
}

/** Runs a command in a session of its own and hands each signal on once; `returns` gives its exit code, else we exit with it. */
function run(words, env, returns, cwd) {
  return new Promise((resolve) => {
    const child = spawn(words[0], words.slice(1), { cwd: cwd || process.cwd(), env, stdio: "inherit", detached: true });
    const passed_ms = {};
    const passOn = (signal) => {
      const now_ms = Date.now();
      if (now_ms - (passed_ms[signal] || 0) < SAME_SIGNAL_WITHIN_MS) return;
      passed_ms[signal] = now_ms;
      child.kill(signal);
      // npm and its own children do not stand in the terminal's group any more: tell all of them.
      if (returns) try { process.kill(-child.pid, signal); } catch { /* already gone */ }
    };
    const listeners = SIGNALS.map((signal) => [signal, () => passOn(signal)]);
    for (const [signal, listener] of listeners) process.on(signal, listener);
    child.on("error", (error) => fail(`cannot run ${words[0]}: ${error.message}`, `无法运行 ${words[0]}：${error.message}`));
    child.on("exit", (code, signal) => {
      for (const [name, listener] of listeners) process.off(name, listener);
      if (signal) return process.kill(process.pid, signal);
      if (returns && Object.keys(passed_ms).length > 0) return process.exit(130);
      if (!returns) process.exit(code);
      resolve(code);
    });
  });
}

/** Words to put before a command so that the kernel ends it when this process is killed (util-linux, where it is there). */
function dieWithParent(signal) {
  return process.platform === "linux" && has("setpriv") ? ["setpriv", "--pdeathsig", signal, "--"] : [];
}

function has(program) {
  return (process.env.PATH || "").split(":").some((folder) => folder && existsSync(join(folder, program)));
}

function works(binary) {
  return spawnSync(binary, ["--version"]).status === 0;
}

function say(english, chinese_text) {
  const seconds = ((Date.now() - begun_ms) / 1000).toFixed(1).padStart(5);
  process.stderr.write(`[${seconds} s] ${chinese ? chinese_text : english}\n`);
}

function fail(english, chinese_text) {
  process.stderr.write(`${chinese ? chinese_text : english}\n`);
  process.exit(1);
}
