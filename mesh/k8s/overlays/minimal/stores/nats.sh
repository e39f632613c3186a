# Starts NATS with what every server has (nats.conf), its own name and the token of clients.
set -eu
file="${TMPDIR:-/tmp}/nats.conf"
{
  cat "${CONF:-/etc/store/nats.conf}"
  printf 'server_name: "%s"\nauthorization { token: "%s" }\n' "$POD_NAME" "$(cat /etc/secret/token)"
} >"$file"
exec nats-server -c "$file"
