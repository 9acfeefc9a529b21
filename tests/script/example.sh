#!/usr/bin/env bash
# firstlight-example ends with the same weights on any number of ranks, and whatever killed it on the
# way; it obeys a stop. The store is a small one in Python that speaks torch 2.2's dialect.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
work=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
example=$FIRSTLIGHT_BIN/firstlight-example
text=$FIRSTLIGHT_SOURCE/README.md
wrong() { echo "WRONG: $*"; exit 1; }
until_true() { # CONDITION: polled for at most a minute
    for _ in $(seq 6000); do
        if eval "$1"; then return; fi
        sleep 0.01
    done
    wrong "never came: $1"
}
unset FIRSTLIGHT_PAGE FIRSTLIGHT_RESUME RANK WORLD_SIZE MASTER_ADDR MASTER_PORT

want=$("$example" --steps 120 "$text" | tail -1)
echo "$want" | grep -Eq '^done at step 120, loss [0-9.]+, weights [0-9a-f]{16}$' || wrong "the last line: $want"
[ "$("$example" --steps 120 --seed 2 "$text" | tail -1)" != "$want" ] || wrong "the seed has no effect"
"$example" --steps 1000 "$text" >long
python3 - long <<'END' || wrong "it does not learn: $(tail -1 long)"
import re, sys
losses = [float(x) for x in re.findall(r"loss ([0-9.]+)", open(sys.argv[1]).read())]
sys.exit(not (losses[0] > 3 and sum(losses[-20:]) / 20 < 2.6))
END

echo "killed at three moments, resumed from what is there"
newest() { ls "$work/ckpt" | grep -E '^step_[0-9]+$' | sort -t_ -k2n | tail -1; }
from=
for moment in 25 58 91; do
    FIRSTLIGHT_RESUME=$from "$example" --steps 120 --step-ms 3 --checkpoint-every 7 --checkpoint-dir ckpt "$text" >out 2>&1 &
    pids=($!)
    until_true '[ -d ckpt ] && [ -n "$(newest)" ] && [ "$(newest | cut -d_ -f2)" -ge '$moment' ]'
    kill -9 ${pids[0]}
    wait ${pids[0]} 2>/dev/null || true
    from=$work/ckpt/$(newest)
done
got=$(FIRSTLIGHT_RESUME=$from "$example" --steps 120 --checkpoint-every 7 --checkpoint-dir ckpt "$text" | tail -1)
[ "$got" = "$want" ] || wrong "after kills: $got, want $want"
got=$(FIRSTLIGHT_RESUME=$work/ckpt/step_120 "$example" --steps 120 "$text" | tail -1)
[ "$got" = "$want" ] || wrong "resumed at its end: $got, want $want"

echo "a torn checkpoint is refused"
cp -r ckpt/step_119 torn
printf x >>torn/model
if FIRSTLIGHT_RESUME=torn "$example" --steps 120 "$text" 2>err; then wrong "a torn checkpoint was taken"; fi
grep -q '^firstlight-example: rank 0: checkpoint torn: model has [0-9]* bytes, not [0-9]*$' err || wrong "$(cat err)"

echo "it saves and leaves when it is asked to"
python3 - <<'END'
page = bytearray(4096)
page[0:8], page[8] = b"FRSTLGT1", 1
open("page", "wb").write(page)
END
FIRSTLIGHT_PAGE=$work/page "$example" --steps 100000 --step-ms 1 --checkpoint-dir stop "$text" >out 2>&1 &
pids=($!)
until_true 'grep -q "^step 20/" out'
printf '\1' | dd of=page bs=1 seek=16 conv=notrunc status=none
wait ${pids[0]} || wrong "it left with $?: $(cat out)"
step=$(sed -n 's/^stopped at step \([0-9]*\),.*/\1/p' out)
[ -f "stop/step_$step/MANIFEST" ] || wrong "no checkpoint of step $step: $(cat out)"
python3 - "$step" "$work/stop/step_$step" <<'END' || wrong "what the page says"
import struct, sys
page = open("page", "rb").read()
step, path = struct.unpack_from("<q", page, 80)[0], page[256:].split(b"\0")[0].decode()
sys.exit(not (step == int(sys.argv[1]) and path == sys.argv[2] and page[68] == 5 and page[20] == 1))
END

echo "2, 3 and 16 ranks"
cat >store.py <<'END'
import socket, struct, sys, threading
values, changed, most = {}, threading.Condition(), 0
def note_most():
    global most
    if len(values) > most:
        most = len(values)
        with open("keys", "w") as out:
            print(most, file=out)
def serve(peer):
    stream = peer.makefile("rwb")
    def number(form="<Q"):
        return struct.unpack(form, stream.read(struct.calcsize(form)))[0]
    def blob():
        return stream.read(number())
    while True:
        verb = stream.read(1)
        if not verb:
            return
        verb = verb[0]
        if verb == 0:
            assert number("<I") == 0x3C85F7CE
            continue
        count = number() if verb == 6 else 1
        keys = [blob() for _ in range(count)]
        with changed:
            if verb == 1:
                values[keys[0]] = blob()
                changed.notify_all()
            elif verb == 3:
                stream.write(struct.pack("<Q", len(values[keys[0]])) + values[keys[0]])
            elif verb == 6:
                changed.wait_for(lambda: all(key in values for key in keys))
                stream.write(b"\0")
            elif verb == 8:
                stream.write(struct.pack("<q", values.pop(keys[0], None) is not None))
            else:
                raise ValueError("verb %d" % verb)
            note_most()
        stream.flush()
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], file=open("port.tmp", "w"), flush=True)
__import__("os").rename("port.tmp", "port")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
END
for world in 2 3 16; do
    rm -f port
    python3 store.py & server=$!
    pids=($server)
    until_true '[ -s port ]'
    export MASTER_ADDR=127.0.0.1 MASTER_PORT=$(cat port) WORLD_SIZE=$world
    ranks=()
    for rank in $(seq 0 $((world - 1))); do
        RANK=$rank "$example" --steps 120 "$text" >"out.$rank" 2>&1 &
        ranks+=($!)
    done
    pids+=("${ranks[@]}")
    for pid in "${ranks[@]}"; do wait "$pid" || wrong "a rank of $world left with $?: $(cat out.*)"; done
    got=$(tail -1 out.0)
    [ "$got" = "$want" ] || wrong "$world ranks: $got, want $want"
    # The start, two sums and at most each shard once: nothing piles up over 120 steps.
    [ "$(cat keys)" -le 19 ] || wrong "$(cat keys) keys were in the store at once"
    kill $server
    wait $server 2>/dev/null || true
done

echo "bad input"
unset MASTER_ADDR MASTER_PORT WORLD_SIZE
says() { # SENTENCE COMMAND...
    local sentence=$1
    shift
    if "$@" 2>err >/dev/null; then wrong "$* succeeded"; fi
    [ "$(cat err)" = "firstlight-example: $sentence" ] || wrong "$*: $(cat err)"
}
says "it takes one TEXT; see --help" "$example"
says "rank 0: 2 ranks, but no MASTER_ADDR and MASTER_PORT" env WORLD_SIZE=2 "$example" "$text"
says "rank 0: WORLD_SIZE=17 is not a number up to 16" env WORLD_SIZE=17 "$example" "$text"
says "rank 3: RANK=3 is none of 2" env WORLD_SIZE=2 RANK=3 "$example" "$text"
printf ab >short
says "rank 0: short: a text needs more than 3 characters" "$example" short
