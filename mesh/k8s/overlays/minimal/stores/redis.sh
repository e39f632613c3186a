# Starts Redis as what the sentinels say it is: the primary, or a replica of the one they name. Where none knows, at the very
# first start, redis-0 is the primary. `redis.sh ping` says whether it answers.
set -eu
host() { echo "$1.redis.$DOMAIN"; }
password=$(cat /etc/secret/password)
export REDISCLI_AUTH="$password"
ask() { timeout 2 redis-cli --tls --cacert /etc/secret/ca.crt "$@"; }

if [ "${1:-}" = ping ]; then
  ask -h "$(host "$POD_NAME")" ping | grep -q PONG
  exit
fi

primary=
for number in 0 1 2; do
  primary=$(ask -h "redis-sentinel-$number.redis-sentinel.$DOMAIN" -p 26379 --raw sentinel get-master-addr-by-name chunyun 2>/dev/null | head -n 1) || primary=
  case $primary in *".redis.$DOMAIN") break ;; *) primary= ;; esac
done
[ -n "$primary" ] || primary=$(host redis-0)

{
  echo "port 0
tls-port 6379
bind ${BIND:-0.0.0.0}
tls-cert-file /etc/secret/tls.crt
tls-key-file /etc/secret/tls.key
tls-ca-cert-file /etc/secret/ca.crt
tls-auth-clients no
tls-replication yes
requirepass $password
masterauth $password
replica-announce-ip $(host "$POD_NAME")
dir ${DATA:-/data}
appendonly yes
appendfsync everysec
save \"\"
maxmemory-policy noeviction"
  [ "$primary" = "$(host "$POD_NAME")" ] || echo "replicaof $primary 6379"
} >"${TMPDIR:-/tmp}/redis.conf"
exec redis-server "${TMPDIR:-/tmp}/redis.conf"
