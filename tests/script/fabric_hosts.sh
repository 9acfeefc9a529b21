#!/usr/bin/env bash
# firstlight fabric on hosts that are network namespaces, over ssh, with nothing installed there. First two
# hosts are slow: one's interface is shaped, another's only for what it sends. Then two hosts are behind a slow
# second bridge. Then one's probe hangs, one's is killed in the middle, and one's cable is pulled. Each is
# named, nobody else is, and what the others measured is kept.
# ctest labels: slow alone
set -u
rate=100mbit
. "$FIRSTLIGHT_SOURCE/tests/hosts_lib.sh"
command -v python3 >/dev/null || skip "no python3"
ldconfig -p 2>/dev/null | grep -q 'libucp\.so\.0' || skip "no libucp.so.0 (package libucx0)"
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"

hosts_begin
bridge_add leaf 800mbit # four pairs may cross at once
for i in 1 2 3 4 5 6; do host_add h$i; done
for i in 7 8; do host_add h$i leaf; done

cat >suspects.py <<'PYTHON'
"""suspects.py FILE: one line a suspect, as "KIND NODES". All hosts share this machine's processors with whatever
else runs here: so what is slow by a third, or in three measurements, says nothing, nor does latency."""
import json, sys
result = json.load(open(sys.argv[1]))
told = [s for s in result["suspects"] if s["kind"] == "lost" or
        s["metric"] == "pair.bandwidth" and s["slower"] > 0.35 and s["slow"] > 3]
for line in sorted({f'{s["kind"]} {" ".join(sorted(s["nodes"]))}' for s in told}):
    print(line)
PYTHON
cat >pairs.py <<'PYTHON'
"""pairs.py FILE: how many pairs of hosts that are well have a bandwidth in both directions."""
import json, sys
result = json.load(open(sys.argv[1]))
well = {n["name"] for n in result["nodes"] if n["fate"] == "well"}
ways = {(m["node"], m["peer"]) for m in result["measures"] if m["metric"] == "pair.bandwidth"}
print(sum((b, a) in ways for a, b in ways if {a, b} <= well) // 2, "of", len(well) * (len(well) - 1) // 2)
PYTHON

# fabric NAME HOSTS WORD...: a test in the background; its answer is NAME.json.
fabric() {
    local name=$1 hosts=$2
    shift 2
    "$bin" fabric --hosts "$hosts" --tests pairs --json "$@" >"$name.json" 2>"$name.err" </dev/null &
    fabric=$!
}
# answers NAME PAIRS SUSPECT...: it found these, and has so many pairs.
answers() {
    local name=$1 pairs=$2 code=0 found
    shift 2
    wait $fabric || code=$?
    [ $code = 1 ] || wrong "$name: exit code $code, not 1: $(tail -5 "$name.err")"
    found=$(python3 suspects.py "$name.json")
    # Who is lost was measured too little, and while others began: how fast they were is another matter.
    [ $name != ends ] || found=$(grep '^lost' <<<"$found")
    diff <(printf '%s\n' "$@") - <<<"$found" >diff.out || wrong "$name: other suspects than expected:
$(cat diff.out)
$("$bin" fabric show "$PWD/$name.json" | head -100)"
    [ "$(python3 pairs.py "$name.json")" = "$pairs of $pairs" ] || wrong "$name: $(python3 pairs.py "$name.json") pairs, not $pairs"
    grep -q '"via":"tcp/eth0"' "$name.json" || wrong "$name: not over eth0"
}

host_in h2 25mbit
host_out h2 25mbit
host_out h3 25mbit
fabric slow 'h[1-6]'
answers slow 15 "node h2" "sending h3"
host_in h2 $rate
host_out h2 $rate
host_out h3 $rate

bridge_rate leaf 40mbit
fabric leaf 'h[1-8]' # nobody tells it who shares a switch
answers leaf 28 "group h7 h8"
bridge_rate leaf 800mbit

# In the middle: it has begun to send.
sends() { [ $(($(host_sent "$1") - $2)) -gt 4000000 ]; }
for i in 4 5 6; do sent[i]=$(host_sent h$i); done
fabric ends 'h[1-8]'
await sends h4 ${sent[4]} || wrong "ends: h4 sends nothing: $(cat ends.err)"
hung=$(host_processes h4 firstlight-probe)
kill -STOP $hung
await sends h5 ${sent[5]} || wrong "ends: h5 sends nothing"
kill -9 $(host_processes h5 firstlight-probe)
await sends h6 ${sent[6]} || wrong "ends: h6 sends nothing"
host_unplug h6
answers ends 10 "lost h4" "lost h5" "lost h6"
kill -CONT $hung 2>/dev/null

[ $failed = 0 ] && echo "fabric on eight hosts: ok"
exit $failed
