import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { Document, parseAllDocuments } from 'yaml';
import { Told } from '../../say.ts';
import { isCanaryable, refusal } from '../begin.ts';
import { bucketSet } from '../domain/buckets.ts';
import { freezeAt } from '../domain/freeze.ts';
import { CANARY, canaryName, STABLE, type Deployment, type DestinationRule, type KubeObject, type Service, type VirtualService } from '../domain/objects.ts';
import type { Only } from '../domain/only.ts';
import { canaryWeight, hostOf, NO_SHARE, whyNotShiftable, withShare, type Share } from '../domain/routes.ts';
import { canaryDeployment, imageOf, whyNotCopied, withImage, withSubset } from '../domain/workload.ts';
import { diffText } from './diff.ts';
import { PLAIN, setDeep } from './edit_yaml.ts';
import { find, readManifests, textOf, type Found, type Manifest } from './manifests.ts';

export type WriteWish = { folder: string; service: string; image: string | undefined; step: string; only: readonly Only[]; override_freeze: string | undefined; bucket_count: number | undefined; replicas: number | undefined; dry_run: boolean; now_ms: number };

/** Edits the manifests of a checkout by one step and returns the difference as text. Throws `Told` for a step that may not be made now. */
export function writeStep(wish: WriteWish): string {
  const { folder, service, step, dry_run } = wish;
  if (!isCanaryable(service)) throw refusal({ en: `there is no canary of "${service}"`, zh: `"${service}" 不能做金丝雀` });
  const files = readManifests(folder);
  const parts = partsOf(files, service);
  const onward = step === 'deploy' || step === 'promote' || Number(step) > 0 || wish.only.length > 0;
  if (onward) refuseFreeze(files, wish);
  const added: Manifest[] = [];
  if (step === 'deploy') added.push(...deploy(parts, files, wish));
  else if (/^\d+$/.test(step) && Number(step) <= 100) shift(parts, wish, Number(step));
  else if (step === 'promote') promote(parts, files);
  else if (step === 'back') setRoutes(parts.routes, service, NO_SHARE);
  else if (step === 'remove') remove(parts, files);
  else throw refusal({ en: '--write needs --step: deploy, 0 … 100, promote, back or remove', zh: '--write 需要 --step：deploy、0 … 100、promote、back 或 remove' });
  return save([...files, ...added], dry_run);
}

type Parts = { routes: Found<VirtualService>; rule: Found<DestinationRule>; stable: Found<Deployment>; canary: Found<Deployment> | undefined; service: Found<Service> | undefined };

function partsOf(files: readonly Manifest[], service: string): Parts {
  const isWorkload = (object: Deployment) => object.spec?.template?.spec?.containers?.some(({ image }) => image !== undefined) === true && object.spec.selector !== undefined;
  const needed = <T>(kind: string, found: T | undefined): T => {
    if (found === undefined) throw refusal({ en: `there is no whole ${kind} ${service} in the folder`, zh: `目录中没有完整的 ${kind} ${service}` });
    return found;
  };
  return {
    routes: needed('VirtualService', find<VirtualService>(files, 'VirtualService', service, ({ spec }) => Array.isArray(spec?.http))),
    rule: needed('DestinationRule', find<DestinationRule>(files, 'DestinationRule', service, ({ spec }) => Array.isArray(spec?.subsets))),
    stable: needed('Deployment', find<Deployment>(files, 'Deployment', service, isWorkload)),
    canary: find<Deployment>(files, 'Deployment', canaryName(service), isWorkload),
    service: find<Service>(files, 'Service', service, ({ spec }) => spec?.selector !== undefined),
  };
}

function refuseFreeze(files: readonly Manifest[], { override_freeze, now_ms }: WriteWish): void {
  const declared = find<KubeObject & { data?: Record<string, string> }>(files, 'ConfigMap', 'change-freeze', () => true);
  const frozen = freezeAt(declared?.object.data ?? {}, now_ms);
  if (frozen !== undefined && override_freeze === undefined) throw refusal({ en: `changes are frozen: ${frozen.en}. In an emergency: --override-freeze REASON`, zh: `变更冻结中：${frozen.zh}。紧急情况：--override-freeze 原因` });
}

/** The subset and the pods, without any traffic: the proxies must know both before the first share. */
function deploy({ rule, stable, canary, service }: Parts, files: readonly Manifest[], { image, replicas, service: name }: WriteWish): Manifest[] {
  if (image === undefined) throw refusal({ en: '--step deploy needs --to IMAGE', zh: '--step deploy 需要 --to 镜像' });
  if (canary !== undefined) throw refusal({ en: `there is a Deployment ${canaryName(name)} already`, zh: `已有 Deployment ${canaryName(name)}` });
  const why = whyNotCopied(stable.object, service?.object.spec.selector ?? {}) ?? takenByKustomize(files, image);
  if (why !== undefined) throw refusal({ en: why, zh: why });
  setDeep(rule.document, ['spec', 'subsets'], withSubset(rule.object, true));
  const made = canaryDeployment(stable.object, name, { image, replicas: replicas ?? stable.object.spec.replicas ?? 1, run_id: 'gitops', env: name === 'inventory' ? { INVENTORY_BESIDE: 'true' } : {} });
  const own = `${canaryName(name)}.yaml`;
  const path = join(dirname(stable.manifest.path), own);
  const list = kustomizationOf(files, stable.manifest.path);
  if (list !== undefined) setDeep(list.documents[0]!, ['resources'], [...resourcesOf(list), relative(dirname(list.path), path)]);
  return [{ path, name: join(dirname(stable.manifest.name), own), before: '', documents: [new Document(JSON.parse(JSON.stringify(made)), PLAIN)] }];
}

function shift({ routes, rule, canary }: Parts, { service, only, bucket_count }: WriteWish, percent: number): void {
  const known = rule.object.spec.subsets?.some(({ name }) => name === CANARY) === true && canary !== undefined;
  if (percent > 0 && !known) throw refusal({ en: 'first --step deploy, and let it reach the cluster: the proxies must know the subset before it gets a share', zh: '请先执行 --step deploy 并让其生效：代理必须先知道子集才能分配流量' });
  const why = whyNotShiftable(routes.object.spec.http ?? [], hostOf(routes.object, service));
  if (why !== undefined) throw refusal({ en: why, zh: why });
  const by_bucket = service === 'inventory' && percent < 100;
  if (by_bucket && percent > 0 && bucket_count === undefined) throw refusal({ en: 'inventory gets whole buckets: say how many there are with --buckets N', zh: 'inventory 按分桶切换：请用 --buckets N 指定分桶总数' });
  const share: Share = { only: known ? only : [], percent: by_bucket ? 0 : percent, buckets: by_bucket && percent > 0 ? bucketSet(bucket_count!, percent) : [] };
  setRoutes(routes, service, share);
}

function promote({ routes, stable, canary }: Parts, files: readonly Manifest[]): void {
  if (canary === undefined || canaryWeight(routes.object.spec.http ?? []) !== 100 || !hasAll(routes.object)) throw refusal({ en: 'promote only while all traffic is with the canary: first --step 100', zh: '仅当全部流量在金丝雀上时才能晋升：请先执行 --step 100' });
  const [old_image, image] = [imageOf(stable.object)!, imageOf(canary.object)!];
  const replacing = files.filter((file) => imagesOf(file).some(({ name }) => name === nameOf(old_image)));
  if (replacing.length > 0) {
    // The other services have the same image: the version of one of them can only stand in its Deployment.
    const names = replacing.map(({ name }) => name).join(', ');
    throw refusal({ en: `${names} replaces images named ${nameOf(old_image)}, so the image of one Deployment can't be written into it. Write it as a patch of that overlay, then --step back`, zh: `${names} 会替换名为 ${nameOf(old_image)} 的镜像，无法只写入一个 Deployment。请在该 overlay 中以补丁写入，然后执行 --step back` });
  }
  const { containers, initContainers } = withImage(stable.object.spec.template.spec, old_image, image);
  setDeep(stable.document, ['spec', 'template', 'spec', 'containers'], containers);
  if (initContainers !== undefined) setDeep(stable.document, ['spec', 'template', 'spec', 'initContainers'], initContainers);
}

function hasAll({ spec }: VirtualService): boolean {
  return (spec.http ?? []).every(({ route }) => (route ?? []).every(({ destination, weight }) => destination.subset !== STABLE || weight === 0));
}

function remove({ routes, rule, canary }: Parts, files: readonly Manifest[]): void {
  if (canaryWeight(routes.object.spec.http ?? []) > 0) throw refusal({ en: 'requests still go to the canary: first --step back (or 0), and let it reach the cluster', zh: '仍有请求进入金丝雀：请先执行 --step back（或 0）并让其生效' });
  setDeep(rule.document, ['spec', 'subsets'], withSubset(rule.object, false));
  if (canary === undefined) return;
  const { manifest, document } = canary;
  manifest.documents = manifest.documents.filter((one) => one !== document);
  const list = kustomizationOf(files, manifest.path);
  if (list !== undefined && manifest.documents.length === 0) setDeep(list.documents[0]!, ['resources'], resourcesOf(list).filter((name) => join(dirname(list.path), name) !== manifest.path));
}

function setRoutes({ document, object }: Found<VirtualService>, service: string, share: Share): void {
  setDeep(document, ['spec', 'http'], withShare(object.spec.http ?? [], hostOf(object, service), share));
}

type Kustomization = { resources?: string[]; images?: { name: string }[] };

/** The kustomization that lists the file. */
function kustomizationOf(files: readonly Manifest[], path: string): Manifest | undefined {
  return files.find((file) => isKustomization(file) && resourcesOf(file).some((name) => join(dirname(file.path), name) === path));
}

function isKustomization({ path }: Manifest): boolean {
  return /(^|\/)kustomization\.ya?ml$/.test(path);
}

function resourcesOf(file: Manifest): string[] {
  return (file.documents[0]?.toJS() as Kustomization | null)?.resources ?? [];
}

function imagesOf(file: Manifest): { name: string }[] {
  return isKustomization(file) ? ((file.documents[0]?.toJS() as Kustomization | null)?.images ?? []) : [];
}

/** Without tag and digest. */
function nameOf(image: string): string {
  return image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
}

/** Kustomize's `images` would give the canary another image than the one named. */
function takenByKustomize(files: readonly Manifest[], image: string): string | undefined {
  const file = files.find((one) => imagesOf(one).some(({ name }) => name === nameOf(image)));
  return file === undefined ? undefined : `${file.name} replaces images named ${nameOf(image)}: name the canary's image as the registry has it`;
}

function save(files: readonly Manifest[], dry_run: boolean): string {
  const changed = files.map((file) => ({ ...file, after: textOf(file) })).filter(({ before, after, documents }) => before !== after && JSON.stringify(documents.map((one) => one.toJS() as unknown)) !== plain(before));
  for (const { path, after } of dry_run ? [] : changed) {
    if (after === '') rmSync(path);
    else writeFileSync(path, after);
  }
  if (changed.length === 0) throw new Told('nothing to change: the manifests say so already', '无需修改：清单已是如此');
  return changed.map(({ name, before, after }) => diffText(name, before, after)).join('');
}

/** Files whose meaning stays are not written again, however the writer would lay them out. */
function plain(text: string): string {
  return text === '' ? '' : JSON.stringify([...parseAllDocuments(text)].map((one) => one.toJS() as unknown));
}
