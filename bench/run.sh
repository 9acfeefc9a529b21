#!/usr/bin/env bash
# Run the benchmarks: all, or those named. Each prints its table; README.md holds the latest.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/build/release/bin
work=$PWD/build/bench
data=${FIRSTLIGHT_DATA:-$PWD/../shared/data}
mkdir -p "$work"
PATH=$bin:$PATH

machine() {
    printf '%s, %s CPUs, %s; load %s; %s\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)" \
        "$(awk '/MemTotal/{printf "%.0f GiB", $2 / 1048576}' /proc/meminfo)" "$(cut -d' ' -f1 /proc/loadavg)" \
        "$(date -u +%Y-%m-%dT%H:%MZ)"
}

# make NODES KIND: a fleet of so many nodes, kept between runs; prints its folder
make() {
    local dir=$work/$2-$1
    if [ ! -e "$dir.done" ]; then
        rm -rf "$dir"
        case $2 in
        text) fleetgen --model hgx-h100 --nodes "$1" --seed 5 --bad 3 --mutation IOMMU_ON --only lspci --lean -o "$dir" ;;
        snap) fleetgen --model hgx-h100 --nodes "$1" --seed 5 --bad 3 --mutation IOMMU_ON --only lspci --lean --format snap -o "$dir" ;;
        esac
        touch "$dir.done"
    fi
    echo "$dir"
}

bytes_of() { find "$1" -type f -printf '%s\n' | awk '{sum += $1} END {printf "%.0f", sum}'; }

mb_of() { awk -v bytes="$1" 'BEGIN {printf "%.0f", bytes / 1e6}'; }

bench_inspect() {
    local file=$data/machines/dell-h100-hgx-pex890xx.lspci-vvv.txt
    if [ ! -e "$file" ]; then
        echo "inspect: skipped, there is no $file"
        return
    fi
    echo "## inspect: one lspci -vvv of $(($(stat -c %s "$file") / 1000)) KB; want at most 15 ms and 20 MiB"
    measure -n 15 -b "$(stat -c %s "$file")" "firstlight inspect=firstlight inspect $file" \
        "python parser=python3 bench/peer_lspci.py $file" \
        "memory scan=scan $file"
}

bench_scale() {
    local nodes dir bytes
    echo "## compare: whole fleets of lspci text, and the same as snapshots; want 12,500 in 15 s and 2 GiB"
    for nodes in 1000 5000 12500; do
        dir=$(make $nodes text)
        bytes=$(bytes_of "$dir")
        echo "$nodes nodes, $(mb_of "$bytes") MB of text"
        measure -n 3 -b "$bytes" "compare $nodes text=firstlight compare -q $dir" "memory scan=scan $dir"
    done
    for nodes in 1000 12500; do
        dir=$(make $nodes snap)
        bytes=$(bytes_of "$dir")
        echo "$nodes snapshots, $(mb_of "$bytes") MB"
        measure -n 3 -b "$bytes" "compare $nodes snapshots=firstlight compare -q $dir" "memory scan=scan $dir"
    done
}

bench_peers() {
    local dir
    dir=$(make 64 text)
    echo "## grouping 64 nodes, $(($(bytes_of "$dir") / 1000000)) MB: what people do today"
    measure -n 3 "firstlight compare=firstlight compare -q $dir" \
        "python parser=python3 bench/peer_lspci.py $dir/n*/lspci.txt" \
        "dshbak -c=for n in $dir/n*; do sed \"s|^|\${n##*/}: |\" \$n/lspci.txt; done | dshbak -c" \
        "clubak -b=for n in $dir/n*; do sed \"s|^|\${n##*/}: |\" \$n/lspci.txt; done | clubak -b" \
        "memory scan=scan $dir"
    printf 'groups that dshbak -c makes of %s nodes that differ in one setting on 3: ' 64
    for n in "$dir"/n*; do sed "s|^|${n##*/}: |" "$n/lspci.txt"; done | dshbak -c | grep -c '^-----' | awk '{print $1 / 2}'
}

bench_study() {
    echo "## study: is the planted cause ranked first?"
    study "${STUDY_FLEETS:-1000}" 1 2 2>"$work/study.log" || { tail -5 "$work/study.log"; exit 1; }
}

# have NAME...: the peers that are installed; says which are not
have() {
    command -v "$1" >/dev/null && return
    echo "skipped: $1 is not installed"
    return 1
}

# Medians of lines "NAME VERB NUMBER", and their ratio to the first name's. Rounds took turns.
rates() {
    sort -k2,2 -k1,1 -k3,3n | awk -v first="$1" '
        function flush_row() {
            if (!count) return
            row[++rows] = name; of[rows] = verb; middle[rows] = value[int(count / 2) + 1]
            low[rows] = value[1]; high[rows] = value[count]
            if (name == first) base[verb] = middle[rows]
        }
        $1 != name || $2 != verb { flush_row(); name = $1; verb = $2; count = 0 }
        { value[++count] = $3 }
        END {
            flush_row()
            for (i = 1; i <= rows; i++)
                printf "%-10s %-26s %9.0f [%.0f %.0f] a second  %s\n", of[i], row[i], middle[i], low[i], high[i],
                    base[of[i]] ? sprintf("ratio %.2f", middle[i] / base[of[i]]) : ""
        }'
}

fresh_state() {
    rm -rf "$work/state"
    export XDG_STATE_HOME=$work/state
}

bench_launch() {
    local times=${BENCH_TIMES:-9} mpi="mpirun --oversubscribe --allow-run-as-root" ranks rows
    fresh_state
    . tests/slurm/cluster.sh
    if have srun && ! slurm_up "$work/slurm" 4; then # a node takes 512 tasks at most
        echo "skipped: srun: $slurm_why"
    fi
    trap 'slurm_down >/dev/null 2>&1 || :' EXIT
    for ranks in 2 1000; do
        echo "## launch: $ranks ranks of true, start to end; want at most $([ $ranks = 2 ] && echo 40 ms || echo 1.5 s)"
        rows=("firstlight run=firstlight run -q -n $ranks -- true" "bare posix_spawn=spawnall $ranks true")
        have mpiexec.hydra && rows+=("MPICH mpiexec=mpiexec.hydra -n $ranks true")
        have mpirun && rows+=("Open MPI mpirun=$mpi -n $ranks true")
        [ -z "${SLURM_CONF-}" ] || rows+=("srun=srun -O -N $(((ranks + 249) / 250)) -n $ranks true")
        measure -n "$((ranks == 2 ? times : (times + 2) / 3))" "${rows[@]}" # Open MPI takes 15 s for 1,000
    done
    slurm_down >/dev/null 2>&1 || :
    trap - EXIT
}

bench_death() {
    echo "## death: of 64 local ranks one is killed, ${BENCH_TIMES:-20} times"
    rm -rf "$work/state"
    death firstlight "$work/state" 64 "${BENCH_TIMES:-20}" 2>"$work/death.log" || { tail -3 "$work/death.log" >&2; exit 1; }
}

# host COMMAND...: starts a server that prints its port and ends with its stdin; sets $port
host() {
    local fifo=$work/fifo
    rm -f "$fifo" "$work/port"
    mkfifo "$fifo"
    "$@" <"$fifo" >"$work/port" 2>"$work/host.log" &
    exec 9>"$fifo"
    until [ -s "$work/port" ]; do
        kill -0 $! || { cat "$work/host.log" >&2; exit 1; }
        sleep 0.1
    done
    port=$(head -1 "$work/port")
}

host_end() {
    exec 9>&-
    wait $! 2>/dev/null || :
}

redis_host() { # as host wants it
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' >"$work/redis.port"
    redis-server --port "$(cat "$work/redis.port")" --bind 127.0.0.1 --save "" --appendonly no --maxclients 10000 >/dev/null &
    until redis-cli -p "$(cat "$work/redis.port")" ping >/dev/null 2>&1; do sleep 0.1; done
    cat "$work/redis.port"
    cat >/dev/null
    kill $!
    wait $! || :
}

redis_benchmark() { # its own tool's figures, as storeload's
    redis-benchmark -p "$1" -c 1000 -n "${2:-200000}" -P 1 -t set,get,incr --csv -q |
        sed -n 's/^"SET","\([0-9.]*\)".*/redis-benchmark set \1/p; s/^"GET","\([0-9.]*\)".*/redis-benchmark get \1/p; s/^"INCR","\([0-9.]*\)".*/redis-benchmark add \1/p'
}

bench_store() {
    local round rounds=${BENCH_TIMES:-5} seconds=${BENCH_SECONDS:-1} python=/usr/bin/python3
    fresh_state
    : >"$work/rates"
    if have redis-server && have redis-benchmark; then
        echo "## store: requests a second, 1,000 connections, one request under way on each; want those of redis"
        for ((round = 0; round < rounds; round++)); do
            host redis_host
            storeload redis redis 1000 "$seconds" 127.0.0.1 "$port"
            redis_benchmark "$port"
            host_end
            firstlight run -q -n 1 -- storeload new firstlight 1000 "$seconds"
            host storehost 1 1
            storeload new firstlight,in-process 1000 "$seconds" 127.0.0.1 "$port"
            host_end
        done >>"$work/rates"
        rates redis <"$work/rates"
    fi
    if ! $python -c 'import torch.distributed' 2>/dev/null; then
        echo "skipped: PyTorch's store: $python has no torch"
        return
    fi
    echo "## store: PyTorch's own server, torch 1.13's dialect, 4,000 connections; want 50 times its requests"
    : >"$work/rates"
    for ((round = 0; round < (rounds + 1) / 2; round++)); do
        host $python bench/torch_store.py
        storeload old torch 4000 "$seconds" 127.0.0.1 "$port"
        host_end
        firstlight run -q -n 1 -- storeload old firstlight 4000 "$seconds"
        host storehost 1 1
        storeload old firstlight,in-process 4000 "$seconds" 127.0.0.1 "$port"
        host_end
    done >>"$work/rates"
    rates torch <"$work/rates"
}

bench_agents() {
    echo "## agents: 12,500 of 8 ranks against one controller; want all released in 5 s, and 1 GiB at most"
    local round
    for ((round = 0; round < ${BENCH_TIMES:-3}; round++)); do
        rm -rf "$work/state"
        agents 12500 8 firstlight "$work/state"
    done
}

bench_ranks() {
    local nodes
    echo "## ranks: is the start linear in ranks? 8 a node, each sets and gets a key and passes a barrier"
    for nodes in 1000 4000 12500; do
        rm -rf "$work/state"
        agents $nodes 8 firstlight "$work/state"
    done
}

bench_tokenizer() {
    local model=$data/grok-1-tokenizer.model text=$work/tokenizer.txt
    have spm_encode && have bible || return 0
    if [ ! -e "$model" ]; then
        echo "tokenizer: skipped, there is no $model"
        return
    fi
    { bible -f gen1:1-rev22:21 && cat src/*/*.[ch] docs/*/*.md; } >"$text"
    echo "## tokenizer: $(mb_of "$(stat -c %s "$text")") MB of English and C by Grok-1's vocabulary; want 10 times spm_encode"
    measure -n "${BENCH_TIMES:-5}" -b "$(stat -c %s "$text")" \
        "encode=firstlight-train tokenizer encode --lines --tokenizer $model <$text" \
        "spm_encode=spm_encode --model=$model --output_format=id <$text"
    echo "of that, what a start and loading the model take:"
    measure -n "${BENCH_TIMES:-5}" \
        "encode=firstlight-train tokenizer encode --lines --tokenizer $model </dev/null" \
        "spm_encode=spm_encode --model=$model --output_format=id </dev/null"
    tokenize "$model" "$text"
}

bench_data() {
    local model=$data/grok-1-tokenizer.model text=$work/data/text.txt
    have bible || return 0
    if [ ! -e "$model" ]; then
        echo "data: skipped, there is no $model"
        return
    fi
    mkdir -p "$work/data"
    { bible -f gen1:1-rev22:21 && cat src/*/*.[ch] docs/*/*.md; } >"$text"
    echo "## data: data build beside encoding the same text alone, one thread; want 0.8 of it"
    measure -n "${BENCH_TIMES:-5}" -b "$(stat -c %s "$text")" \
        "build=rm -rf $work/built && firstlight-train data build --threads 1 --tokenizer $model -o $work/built $work/data" \
        "encode=firstlight-train tokenizer encode --tokenizer $model <$text"
}

bench_gemm() {
    echo "## gemm: matrix products of the trainer's shapes, GFLOP/s; want 0.95 of oneDNN"
    gemm -r "${BENCH_TIMES:-9}"
}

bench_probes() {
    echo "## probes: a node's memory and cores as the probe measures them; want those of the fastest peer, 0.85 of the peak"
    probes ${BENCH_CPU:+-c} -r "${BENCH_TIMES:-11}"
    probes ${BENCH_CPU:+-c} -1 -r "${BENCH_TIMES:-11}"
    have mbw || return 0
    echo "mbw itself, one thread, MiB/s copied (twice that is read and written):"
    mbw -q -n "${BENCH_TIMES:-11}" -t 0 256 | tail -1
}

# in_turn ROUNDS NAME=COMMAND...: commands that print "NAME WHAT NUMBER", in turn, into $work/train
in_turn() {
    local rounds=$1 round row
    shift
    : >"$work/train"
    for ((round = 0; round < rounds; round++)); do
        for row in "$@"; do
            rm -rf "$work/trained" # a folder of checkpoints begins empty
            sh -c "${row#*=}" >>"$work/train" 2>"$work/train.log" ||
                echo "failed: ${row%%=*}: $(tail -1 "$work/train.log")"
        done
    done
}

# Medians of such lines, and the ratio to the first name's; then what lines of '#' say, the last of each name
medians() {
    grep -v '^#' "$work/train" | sort -k2,2 -k1,1 -k3,3n | awk -v first="$1" '
        function flush_row() {
            if (!count) return
            row[++rows] = name; of[rows] = what; middle[rows] = value[int(count / 2) + 1]
            low[rows] = value[1]; high[rows] = value[count]
            if (name == first) base[what] = middle[rows]
        }
        $1 != name || $2 != what { flush_row(); name = $1; what = $2; count = 0 }
        { value[++count] = $3 }
        END {
            flush_row()
            for (i = 1; i <= rows; i++)
                printf "%-8s %-26s %9.1f [%.1f %.1f]  %s\n", of[i], row[i], middle[i], low[i], high[i],
                    base[of[i]] ? sprintf("ratio %.2f", middle[i] / base[of[i]]) : ""
        }'
    awk '/^#/ {last[$2] = $0} END {for (name in last) print last[name]}' "$work/train"
}

tokens_of_text() { # whatever text: a step's time does not depend on what it says
    if [ ! -e "$work/tokens.done" ]; then
        rm -rf "$work/tokens" "$work/tokens.text"
        mkdir "$work/tokens.text"
        cat src/*/*.c >"$work/tokens.text/code"
        firstlight-train tokenizer train --vocab 1024 -o "$work/tokens.model" "$work/tokens.text/code"
        firstlight-train data build --tokenizer "$work/tokens.model" -o "$work/tokens" "$work/tokens.text"
        touch "$work/tokens.done"
    fi >"$work/tokens.log" 2>&1
}

# torch MODE BATCH TIME STEPS: a row of in_turn. fp32 products are the BLAS's; Debian's plain one does 5 tokens a second,
# so FIRSTLIGHT_BLAS names a folder with a better libblas.so.3 (OpenBLAS's)
torch() {
    local env=
    [ "$1" != fp32 ] || env="LD_LIBRARY_PATH=$FIRSTLIGHT_BLAS "
    echo "torch $1=${env}/usr/bin/python3 bench/train_torch.py $1 $2 $3 2 $4 ${BENCH_LIMIT:-30} ${BENCH_CPU:+--cpu}"
}

bench_train() {
    local steps=${BENCH_STEPS:-2} rounds=${BENCH_TIMES:-1} cpu=${BENCH_CPU:+-c} size batch time rows mode modes
    local ours moe="-s model.experts=8 -s model.experts_used=2 -s model.ffn=1024"
    tokens_of_text
    ours="train $cpu -n $steps -d $work/tokens -o $work/trained"
    for size in "4 256 bf16 autocast fp32" "8 256 bf16"; do
        read -r batch time modes <<<"$size"
        echo "## train: a step of $batch x $time tokens, GPT-2's 124 M, 2 threads; want 8 times llm.c, 1.5 times PyTorch, less memory"
        rows=()
        for mode in bf16 fp32; do
            [[ " $modes " != *" $mode "* ]] ||
                rows+=("$mode=$ours -s train.batch=$batch -s train.time=$time -s train.threads=2 -s train.precision=$mode firstlight-$mode")
        done
        for mode in $modes; do
            if ! /usr/bin/python3 -c 'import torch' 2>/dev/null; then
                echo "skipped: PyTorch $mode: /usr/bin/python3 has no torch"
            elif [ $mode = fp32 ] && [ ! -e "${FIRSTLIGHT_BLAS-}/libblas.so.3" ]; then
                echo "skipped: PyTorch fp32: FIRSTLIGHT_BLAS names no folder with libblas.so.3 (bench/README.md)"
            else
                rows+=("$(torch $mode $batch $time $steps)")
            fi
        done
        if [ -x "${FIRSTLIGHT_LLMC-}/train_gpt2_${batch}x$time" ]; then
            rows+=("llm.c=python3 bench/train_llmc.py $FIRSTLIGHT_LLMC $batch $time 2 1")
        else
            echo "skipped: llm.c: FIRSTLIGHT_LLMC names no folder with train_gpt2_${batch}x$time (bench/README.md)"
        fi
        in_turn "$rounds" "${rows[@]}"
        medians firstlight-bf16
    done
    ours+=" -s train.batch=4 -s train.time=256"
    echo "## train: 8 experts of which 2 work, as many active weights as the dense model; want 0.85 of its FLOP/s"
    in_turn "$rounds" "dense=$ours -s train.threads=2 dense" "experts=$ours -s train.threads=2 $moe experts"
    medians dense
    echo "## train: 1 rank of 2 threads, 2 ranks of 1; want 0.9"
    fresh_state
    in_turn "$rounds" "1 rank=$ours -s train.shards=2 -s train.threads=2 1-rank" \
        "2 ranks=firstlight run -q -n 2 --show first -- $ours -s train.shards=2 -s train.threads=1 2-ranks"
    medians 1-rank
    echo "## train: a checkpoint every third step; want a stall of at most 1,200 ms (2 % of a minute)"
    in_turn 1 "checkpoints=$ours -n 9 -s train.threads=2 -s checkpoint.every=3 -s checkpoint.keep_last=1 checkpoints"
    medians checkpoints
    rm -rf "$work/trained"
}

bench_fabric-probe() {
    local times=${BENCH_TIMES:-9} one=fl-probe-a other=fl-probe-b
    have ucx_perftest || return 0
    export UCX_TLS=tcp UCX_WARN_UNUSED_ENV_VARS=n
    echo "## fabric-probe: what two probes measure beside ucx_perftest, TCP on loopback; want 0.95 to 1.05"
    UCX_NET_DEVICES=lo fabric_probe "$times" "${BENCH_MS:-200}"
    if ! ip netns add $one 2>/dev/null; then
        echo "skipped: veth: network namespaces are not allowed here"
        return
    fi
    trap 'ip netns del fl-probe-a; ip netns del fl-probe-b' EXIT
    ip netns add $other
    ip -n $one link add probe0 type veth peer name probe0 netns $other
    ip -n $one addr add 10.77.0.1/24 dev probe0
    ip -n $other addr add 10.77.0.2/24 dev probe0
    for name in $one $other; do ip -n $name link set lo up && ip -n $name link set probe0 up; done
    for name in $one $other; do until ip -n $name link show probe0 | grep -q 'state UP'; do sleep 0.1; done; done
    echo "## fabric-probe: the same over veth between two network namespaces"
    UCX_NET_DEVICES=probe0 fabric_probe "$times" "${BENCH_MS:-200}" $one $other 10.77.0.2
    ip netns del $one
    ip netns del $other
    trap - EXIT
}

bench_fabric() {
    echo "## fabric: 512 simulated nodes, ${BENCH_SEEDS:-1000} seeds: want all found, no false name, at most 12 % of all pairs"
    fabric "${BENCH_SEEDS:-1000}" 2>"$work/fabric.log"
    sed 's/^/  /' "$work/fabric.log" | head -20
}

all="inspect scale peers study launch death store agents ranks gemm probes train tokenizer data fabric-probe fabric"
[ $# -gt 0 ] || set -- $all
for name in "$@"; do
    if [ "$(type -t "bench_$name")" != function ]; then
        echo "bench: there is no benchmark '$name': ${all// /, }" >&2
        exit 2
    fi
    machine # before each: the load changes
    "bench_$name"
done
