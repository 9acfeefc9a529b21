#!/usr/bin/env bash
# Every verb in the dialects of torch 1.13, 2.1 and 2.2+, by a client on plain sockets, on two nodes; then once
# more while links break and the store dies and is read back from its journal.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
for options in "" "--chaos 2" "--chaos 3"; do
    coproc HOST { exec "$FIRSTLIGHT_BIN"/storehost $options 2 4 2>/dev/null; }
    host=$HOST_PID
    read -r port1 <&"${HOST[0]}"
    read -r port2 <&"${HOST[0]}"
    timeout 200 python3 "$FIRSTLIGHT_SOURCE"/tests/tcpstore_client.py "$port1" "$port2"
    eval "exec ${HOST[1]}>&-"
    wait "$host"
done
