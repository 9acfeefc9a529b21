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

[ $# -gt 0 ] || set -- inspect scale peers study
for name in "$@"; do
    if [ "$(type -t "bench_$name")" != function ]; then
        echo "bench: there is no benchmark '$name': inspect, scale, peers, study" >&2
        exit 2
    fi
    machine # before each: the load changes
    "bench_$name"
done
