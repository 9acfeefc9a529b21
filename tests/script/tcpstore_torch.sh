#!/usr/bin/env bash
# PyTorch's own client speaks with our store: every verb, and a gloo process group of 4 ranks over 2 nodes;
# then once more while links break and the store dies and is read back from its journal.
set -eu
/usr/bin/python3 -c 'import torch.distributed' 2>/dev/null || { echo "skipped: python3-torch is not installed"; exit 77; }
client=$FIRSTLIGHT_SOURCE/tests/tcpstore_torch.py

serve() { # serve OPTIONS: sets port1, port2, host_in
    coproc HOST { exec "$FIRSTLIGHT_BIN"/storehost "$@" 2 2; }
    host=$HOST_PID
    exec {host_in}>&"${HOST[1]}"
    read -r port1 <&"${HOST[0]}"
    read -r port2 <&"${HOST[0]}"
}
end() { exec {host_in}>&-; eval "exec ${HOST[1]}>&-"; wait "$host"; }

for options in "" "--chaos 1"; do
    serve $options
    timeout 200 /usr/bin/python3 "$client" verbs "$port1" "$port2"
    pids=()
    for rank in 0 1 2 3; do
        port=$([ $rank -lt 2 ] && echo "$port1" || echo "$port2")
        RANK=$rank WORLD_SIZE=4 timeout 200 /usr/bin/python3 "$client" group "$port" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid"; done
    end
    echo "storehost $options: verbs and a process group of 4 ranks"
done
