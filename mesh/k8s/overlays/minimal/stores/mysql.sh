# Starts MariaDB as what /etc/role/primary says: the primary, or a replica of it by GTID. A replica without data first takes a
# copy of the primary. `mysql.sh ping` says whether it answers, and as a replica whether it replicates.
set -euo pipefail
primary=$(cat /etc/role/primary)
password=$(cat /etc/secret/password)
data=${DATA:-/data}
run=${TMPDIR:-/tmp}
socket="$run/mysqld.sock"
# Not in a command line, which others can read.
( umask 077; printf '[client]\nuser=replication\npassword=%s\nssl-ca=/etc/secret/ca.crt\nssl-verify-server-cert\n' "$password" >"$run/client.cnf" )
local_sql() { mariadb --no-defaults --socket="$socket" --user=root --batch --skip-column-names "$@"; }

if [ "${1:-}" = ping ]; then
  if [ "$primary" = "$POD_NAME" ]; then
    [ "$(local_sql -e 'SELECT @@read_only')" = 0 ]
  else
    local_sql --column-names -e 'SHOW REPLICA STATUS\G' | grep 'Slave_SQL_Running: Yes' >/dev/null
  fi
  exit
fi

server() {
  mariadbd --no-defaults --datadir="$data" --socket="$socket" --pid-file="$run/mysqld.pid" \
    --bind-address="${BIND:-0.0.0.0}" --port=3306 --skip-name-resolve --local-infile=0 \
    --require-secure-transport=ON --ssl-ca=/etc/secret/ca.crt --ssl-cert=/etc/secret/tls.crt --ssl-key=/etc/secret/tls.key \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_bin --transaction-isolation=READ-COMMITTED --default-time-zone=+00:00 \
    --innodb-buffer-pool-size="${BUFFER_POOL:-768M}" --max-connections=1000 --log-warnings=1 \
    --server-id=$((${POD_NAME##*-} + 1)) --log-bin="$data/binlog" --log-slave-updates --gtid-strict-mode=ON --sync-binlog=1 --expire-logs-days=7 \
    --rpl-semi-sync-master-enabled=ON --rpl-semi-sync-slave-enabled=ON --rpl-semi-sync-master-timeout=1000 --rpl-semi-sync-master-wait-point=AFTER_SYNC "$@"
}

[ -d "$data/mysql" ] || mariadb-install-db --no-defaults --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve >/dev/null
# Read-only until it is known what it is.
server --read-only=ON --skip-slave-start &
pid=$!
trap 'kill -TERM $pid' TERM INT
until mariadb-admin --no-defaults --socket="$socket" --user=root ping >/dev/null 2>&1; do kill -0 $pid; sleep 1; done

if [ "$primary" = "$POD_NAME" ]; then
  local_sql <<SQL
STOP SLAVE;
RESET SLAVE ALL;
DELETE FROM mysql.global_priv WHERE user = '' OR (user = 'root' AND host <> 'localhost');
FLUSH PRIVILEGES;
CREATE OR REPLACE USER 'root'@'%' IDENTIFIED BY '$(cat /etc/secret/admin-password)' REQUIRE SSL;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
CREATE OR REPLACE USER 'replication'@'%' IDENTIFIED BY '$password' REQUIRE SSL;
GRANT SELECT, RELOAD, LOCK TABLES, SHOW VIEW, EVENT, TRIGGER, REPLICATION SLAVE, REPLICATION CLIENT, BINLOG MONITOR ON *.* TO 'replication'@'%';
SET GLOBAL read_only = OFF;
SQL
else
  source_host="$primary.mysql-each.$DOMAIN"
  if [ ! -e "$data/.copied" ]; then
    until mariadb-dump --defaults-file="$run/client.cnf" --host="$source_host" --all-databases --single-transaction --quick --routines --events --triggers --gtid --master-data=1 >"$data/copy.sql"; do kill -0 $pid; sleep 2; done
    { echo 'SET SESSION sql_log_bin = 0; STOP SLAVE; RESET MASTER;'; cat "$data/copy.sql"; echo 'FLUSH PRIVILEGES;'; } | local_sql
    rm "$data/copy.sql"
    touch "$data/.copied"
  fi
  local_sql <<SQL
STOP SLAVE;
CHANGE MASTER TO MASTER_HOST='$source_host', MASTER_PORT=3306, MASTER_USER='replication', MASTER_PASSWORD='$password', MASTER_SSL=1, MASTER_SSL_CA='/etc/secret/ca.crt', MASTER_SSL_VERIFY_SERVER_CERT=1, MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=2;
START SLAVE;
SQL
fi
touch "$data/.copied"
wait $pid
