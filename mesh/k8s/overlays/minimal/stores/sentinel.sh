# Starts a sentinel. What they agree on stands in its file from then on, so the file is written only once. `sentinel.sh ping` says
# whether it answers.
set -eu
self="$POD_NAME.redis-sentinel.$DOMAIN"
password=$(cat /etc/secret/password)
export REDISCLI_AUTH="$password"

if [ "${1:-}" = ping ]; then
  timeout 2 redis-cli --tls --cacert /etc/secret/ca.crt -h "$self" -p 26379 ping | grep -q PONG
  exit
fi

file="${DATA:-/data}/sentinel.conf"
# A sentinel cannot watch a name that nobody knows yet.
until getent hosts "redis-0.redis.$DOMAIN" >/dev/null; do sleep 1; done
[ -s "$file" ] || {
  echo "port 0
tls-port 26379
bind ${BIND:-0.0.0.0}
tls-cert-file /etc/secret/tls.crt
tls-key-file /etc/secret/tls.key
tls-ca-cert-file /etc/secret/ca.crt
tls-auth-clients no
tls-replication yes
requirepass $password
sentinel sentinel-pass $password
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $self
sentinel monitor chunyun redis-0.redis.$DOMAIN 6379 2
sentinel auth-pass chunyun $password
sentinel down-after-milliseconds chunyun 5000
sentinel failover-timeout chunyun 30000
sentinel parallel-syncs chunyun 1" >"$file.new"
  mv "$file.new" "$file"
}
exec redis-server "$file" --sentinel
