# A real Slurm on one machine, for tests: munged, slurmctld and N slurmd, all below one folder.
#
#   source tests/slurm/cluster.sh
#   slurm_up FOLDER NODES   # or says why not, in $slurm_why, and returns 1
#   srun ...                # SLURM_CONF is set
#   slurm_kill_node 3       # kill -9 of slurmd n3 and of all that runs there
#   slurm_down              # ends what was started, by pid
#
# A FOLDER/topology.conf that is there before is used. Needs Debian's slurm-wlm and munge. Ports are
# free ones, so several may run side by side.

slurm_why=

_slurm_free_ports() { # COUNT: the first of so many free ports in a row
    python3 - "$1" <<'PY'
import random, socket, sys
count = int(sys.argv[1])
for _ in range(100):
    first = random.randrange(20000, 32000 - count)
    held = []
    try:
        for port in range(first, first + count):
            s = socket.socket()
            s.bind(("", port))
            held.append(s)
        print(first)
        break
    except OSError:
        pass
    finally:
        for s in held:
            s.close()
else:
    sys.exit("no free ports")
PY
}

_slurm_wait() { # SECONDS COMMAND...: until it succeeds
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}

slurm_up() {
    local folder=$1 nodes=$2 port tool host
    local me=$(id -un) topology=none
    PATH=$PATH:/usr/sbin
    for tool in munged slurmctld slurmd srun; do
        command -v $tool >/dev/null || { slurm_why="$tool is not installed"; return 1; }
    done
    mkdir -p "$folder"/{munge,state,spool,log}
    slurm_folder=$(cd "$folder" && pwd)
    chmod 755 "$slurm_folder"
    # munged asks that nobody else can write above its socket and key.
    slurm_munge=$(mktemp -d /run/firstlight-munge.XXXXXX 2>/dev/null || mktemp -d "$slurm_folder/munge.XXXXXX")
    chmod 755 "$slurm_munge"
    head -c 128 /dev/urandom >"$slurm_munge/key"
    chmod 600 "$slurm_munge/key"
    [ ! -f "$slurm_folder/topology.conf" ] || topology=tree
    munged --foreground --force --key-file="$slurm_munge/key" --socket="$slurm_munge/socket" \
        --pid-file="$slurm_munge/pid" --seed-file="$slurm_munge/seed" \
        --log-file="$slurm_folder/log/munged" >/dev/null 2>&1 &
    slurm_pids=($!)
    _slurm_wait 10 test -S "$slurm_munge/socket" || { slurm_why="munged does not start"; slurm_down; return 1; }
    port=$(_slurm_free_ports $((nodes + 1)))
    host=$(hostname)
    cat >"$slurm_folder/slurm.conf" <<EOF
ClusterName=firstlight
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
AuthInfo=socket=$slurm_munge/socket,cred_expire=5
TopologyPlugin=topology/$topology
CryptoType=crypto/munge
StateSaveLocation=$slurm_folder/state
SlurmdSpoolDir=$slurm_folder/spool/%n
SlurmctldPidFile=$slurm_folder/slurmctld.pid
SlurmdPidFile=$slurm_folder/slurmd.%n.pid
SlurmctldLogFile=$slurm_folder/log/slurmctld
SlurmdLogFile=$slurm_folder/log/%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
SchedulerType=sched/backfill
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
KillWait=5
InactiveLimit=0
JobRequeue=1
RequeueExit=75
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + nodes))] CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=1024 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
EOF
    export SLURM_CONF=$slurm_folder/slurm.conf
    slurmctld -D -c >"$slurm_folder/log/slurmctld.out" 2>&1 &
    slurm_pids+=($!)
    slurm_node_pids=()
    for ((i = 1; i <= nodes; i++)); do
        mkdir -p "$slurm_folder/spool/n$i"
        slurm_start_node "$i"
    done
    _slurm_wait 30 _slurm_idle "$nodes" || {
        slurm_why="Slurm does not come up: $(tail -3 "$slurm_folder/log/slurmctld" | tr '\n' ' ')"
        slurm_down
        return 1
    }
}

_slurm_idle() { [ "$(sinfo -h -N -t idle | wc -l)" = "$1" ]; }

slurm_start_node() {
    slurmd -D -N "n$1" >"$slurm_folder/log/n$1.out" 2>&1 &
    slurm_node_pids[$1]=$!
}

# What this Slurm's jobs run, by ids (on a node); without Slurm's own daemons.
slurm_processes() { # [NODE]
    local pid
    for pid in $(grep -slzx "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ | cut -d/ -f3); do
        grep -qszx "SLURMD_NODENAME=n${1:-[0-9]*}" "/proc/$pid/environ" && echo "$pid"
    done
}

# A node's death as seen from outside: slurmd, the steps' daemons and all they run are killed, and
# nothing is said.
slurm_kill_node() {
    local pid parent all
    all=$(slurm_processes "$1")
    for pid in $all; do
        parent=$(sed 's/.*) . \([0-9]*\).*/\1/' "/proc/$pid/stat" 2>/dev/null)
        case $(cat "/proc/${parent:-0}/comm" 2>/dev/null) in slurmstepd*) all="$all $parent" ;; esac
    done
    kill -9 "${slurm_node_pids[$1]}" $all 2>/dev/null
    wait "${slurm_node_pids[$1]}" 2>/dev/null
    unset "slurm_node_pids[$1]"
}

slurm_down() {
    local pid
    scancel -u "$(id -un)" >/dev/null 2>&1 || true
    for pid in "${slurm_node_pids[@]:-}" $(printf '%s\n' "${slurm_pids[@]:-}" | tac); do
        [ -n "$pid" ] || continue
        kill "$pid" 2>/dev/null
    done
    for pid in "${slurm_node_pids[@]:-}" "${slurm_pids[@]:-}"; do
        [ -n "$pid" ] || continue
        _slurm_wait 5 sh -c "! kill -0 $pid" || kill -9 "$pid" 2>/dev/null
    done
    rm -rf "${slurm_munge:?}"
    slurm_pids=() slurm_node_pids=()
}
