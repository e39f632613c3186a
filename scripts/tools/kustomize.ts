import { goProgram } from './go.ts';
import { KUSTOMIZE_VERSION } from './versions.ts';

export const kustomize = goProgram({
  name: 'kustomize',
  binary: 'kustomize',
  module_package: 'sigs.k8s.io/kustomize/kustomize/v5',
  version: KUSTOMIZE_VERSION,
  version_flag: 'version',
});
