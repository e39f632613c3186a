/**
 * OpenSearch from the jars of Maven Central on a plain JDK: what the tests of the search index run against. Its modules are
 * published one by one; the one that speaks HTTP is laid out as the server expects it, the others are not needed.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Told, type Say } from '../say.ts';
import { executable, outputOf, versionOf, which } from './command.ts';
import { aptInstall, debianMissing, isRoot } from './debian.ts';
import { TOOLS } from './paths.ts';
import { place } from './place.ts';
import type { Installer, Tool } from './tool.ts';
import { JAVA_MAJOR_MAX, JAVA_MAJOR_MIN, OPENSEARCH_LOG4J_VERSION, OPENSEARCH_VERSION } from './versions.ts';

const FOLDER = join(TOOLS, `opensearch-${OPENSEARCH_VERSION}`);
/** Maven brings a Java of the distribution along. */
const PACKAGES = ['maven'];
const MODULE = 'transport-netty4';

export const opensearch: Installer = {
  name: 'opensearch',
  async find() {
    const java = existsSync(join(FOLDER, 'lib')) ? await findJava() : undefined;
    return java === undefined ? undefined : toolOf(java);
  },
  async missing() {
    if (which('mvn') && (await findJava())) return [];
    if (isRoot() && which('apt-get')) return debianMissing(PACKAGES);
    return [{ what: `Maven, and Java ${JAVA_MAJOR_MIN} to ${JAVA_MAJOR_MAX} (for OpenSearch)`, what_zh: `Maven 与 Java ${JAVA_MAJOR_MIN}–${JAVA_MAJOR_MAX}（用于 OpenSearch）`, commands: which('apt-get') ? ['sudo apt-get update', `sudo apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}`] : [] }];
  },
  async install(tell) {
    if (!which('mvn') || !(await findJava())) await aptInstall(tell, PACKAGES);
    const java = await findJava();
    if (java === undefined) throw new Told(`the distribution has no Java ${JAVA_MAJOR_MIN} to ${JAVA_MAJOR_MAX}`, `系统软件源里没有 Java ${JAVA_MAJOR_MIN}–${JAVA_MAJOR_MAX}`);
    await place(FOLDER, (folder) => fetchJars(tell, folder, java));
    return toolOf(java);
  },
};

/** `path` is the Java that runs it, `folder` where its jars are: `lib` and `modules`. */
function toolOf(java: string): Tool {
  return { path: java, version: OPENSEARCH_VERSION, env: {}, folder: FOLDER };
}

async function fetchJars(tell: Say, folder: string, java: string): Promise<void> {
  tell('fetching the jars of OpenSearch (45 MB, once)', '正在下载 OpenSearch 的 jar 包（45 MB，只需一次）');
  const [all, lib, module] = [join(folder, 'all'), join(folder, 'lib'), join(folder, 'modules', MODULE)];
  for (const path of [all, lib, module]) mkdirSync(path, { recursive: true });
  writeFileSync(join(folder, 'pom.xml'), pom());
  // Maven's own home, proxies and mirrors are those of the machine.
  await outputOf([which('mvn')!, '-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', `-DoutputDirectory=${all}`, '-DincludeScope=runtime'], { env: { ...process.env, JAVA_HOME: join(java, '..', '..') } });
  for (const jar of readdirSync(all)) copyFileSync(join(all, jar), join(/^(netty-|transport-netty4)/.test(jar) ? module : lib, jar));
  writeFileSync(join(module, 'plugin-descriptor.properties'), DESCRIPTOR);
  writeFileSync(join(module, 'plugin-security.policy'), POLICY);
  await outputOf(['rm', '-rf', all]);
}

/** Newer Javas have no security manager, which this version still asks for. */
async function findJava(): Promise<string | undefined> {
  const homes = existsSync('/usr/lib/jvm') ? readdirSync('/usr/lib/jvm').map((name) => join('/usr/lib/jvm', name)) : [];
  const paths = [process.env.JAVA_HOME === undefined ? undefined : join(process.env.JAVA_HOME, 'bin', 'java'), which('java'), ...homes.map((home) => join(home, 'bin', 'java'))];
  for (const path of paths) {
    if (path === undefined || !executable(path)) continue;
    const [major = 0] = (await versionOf(path)) ?? [];
    if (major >= JAVA_MAJOR_MIN && major <= JAVA_MAJOR_MAX) return path;
  }
  return undefined;
}

function pom(): string {
  const jars = [
    ['org.opensearch', 'opensearch', OPENSEARCH_VERSION],
    ['org.opensearch', 'opensearch-plugin-classloader', OPENSEARCH_VERSION],
    ['org.opensearch.plugin', 'transport-netty4-client', OPENSEARCH_VERSION],
    ['org.apache.logging.log4j', 'log4j-core', OPENSEARCH_LOG4J_VERSION],
  ];
  const dependencies = jars.map(([group, artifact, version]) => `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`);
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>chunyun</groupId><artifactId>opensearch</artifactId><version>1</version><packaging>pom</packaging><dependencies>${dependencies.join('')}</dependencies></project>\n`;
}

const DESCRIPTOR = `description=Netty 4 based transport implementation
version=${OPENSEARCH_VERSION}
name=${MODULE}
classname=org.opensearch.transport.Netty4Plugin
java.version=11
opensearch.version=${OPENSEARCH_VERSION}
has.native.controller=false
`;

const POLICY = `grant {
  permission java.lang.RuntimePermission "getClassLoader";
  permission java.lang.RuntimePermission "accessDeclaredMembers";
  permission java.lang.reflect.ReflectPermission "suppressAccessChecks";
  permission java.net.SocketPermission "*", "accept,connect";
  permission java.io.FilePermission "/proc/sys/net/core/somaxconn", "read";
  permission java.util.PropertyPermission "*", "read,write";
};
`;
