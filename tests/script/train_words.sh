#!/usr/bin/env bash
# What a person and a program see of firstlight-train: the live line at any width, lines without a
# terminal, the log, signals, settings that come back, samples, bits per byte, memory plans, completions.
set -eu
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
train=$FIRSTLIGHT_BIN/firstlight-train
work=$(mktemp -d "${TMPDIR:-/tmp}/firstlight-train-words.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
wrong() { echo "WRONG: $*"; failed=1; }

for i in $(seq 100); do
    echo "In the beginning the cluster had $((i * i % 97)) nodes; then came step $i, and light."
done >text.txt
sed 's/.*/{"text": "&"}/' text.txt >text.jsonl # a document a line, of which some are held out
"$train" tokenizer train --vocab 320 -o tok.model text.txt >log
"$train" data build --tokenizer tok.model --held-out 0.2 -o data text.jsonl >log
cat >nano.yaml <<'YAML'
preset: grok-nano
data: data
model: {dim: 32, layers: 1, ffn: 40}
train: {time: 16, batch: 4, steps: 12, threads: 1}
valid.every: 6
sample: {every: 6, tokens: 8, prompt: 'a: "b" # c'}
checkpoint.every: 6
YAML

# Without a terminal: lines, no escape codes, and the summary last.
"$train" train nano.yaml -o out >lines 2>why || wrong "training: $(cat why)"
[ ! -s why ] || wrong "a good training says on stderr: $(cat why)"
! LC_ALL=C grep -q $'[\r\033]' lines || wrong "control characters without a terminal"
[ "$(grep -c '^step [0-9]*/12  loss ' lines)" = 12 ] || wrong "12 steps are not 12 lines: $(cat lines)"
for text in '^held out after step 12: loss .* bits per byte$' '^sample after step 6:$' '^saved out/step-00000006 in ' \
    '^done after step 12: loss ' '^hash of the weights after step 12: [0-9a-f]\{16\}$'; do
    grep -q "$text" lines || wrong "no line '$text'"
done
head -1 lines | grep -q ' weights (.* active), .* tokens of data; 1 rank by self, 1 thread each, .*, [0-9.]* [MK]iB$' ||
    wrong "the first line: $(head -1 lines)"

# With nothing left to do it says so, and not that there was a loss.
for steps in 12 5; do
    "$train" train nano.yaml -o out --log again.jsonl --set train.steps=$steps >lines 2>why || wrong "all done: $(cat why)"
    grep -qx "nothing to do: step 12 is done, and train.steps is $steps" lines || wrong "all done: $(cat lines)"
done
! grep -q ' loss ' lines || wrong "a loss without a step: $(cat lines)"
grep -q '"event":"done","step":12,"loss":null' again.jsonl || wrong "the log of no steps: $(cat again.jsonl)"

# Who goes on need not say again what the run was told.
cp -r out told
cp -r out untold
"$train" train nano.yaml -o told --set train.steps=14 >lines 2>why || wrong "going on: $(cat why)"
"$train" train --data data --out untold --set train.steps=14 >again 2>why || wrong "going on without a preset: $(cat why)"
grep -q '^hash of the weights after step 14: ' lines && [ "$(tail -1 lines)" = "$(tail -1 again)" ] ||
    wrong "what was not said again was not kept: $(tail -1 lines again)"
grep -qx 'setting: train.steps was 12, is 14 from here on' again && [ "$(grep -c '^setting: ' again)" = 1 ] ||
    wrong "settings have changed: $(cat again)"
"$train" train --data data --out fresh --resume told/step-00000012 --set train.steps=14 >again 2>why &&
    [ "$(tail -1 lines)" = "$(tail -1 again)" ] || wrong "going on elsewhere: $(cat why again)"

# A reader that goes away costs lines, not the training.
"$train" train nano.yaml -o unread --log-every 1 | head -1 >/dev/null || :
grep -q '"event":"done","step":12,' unread/log.jsonl || wrong "nobody read its lines: $(tail -1 unread/log.jsonl)"

# One command from a text to a sample; what it prints can be typed, and gives the same; again it has nothing to do.
small=(--set model.dim=32 --set model.layers=1 --set model.ffn=40 --set train.steps=3 --set train.threads=1)
"$train" try -o all "${small[@]}" --prompt "a 'b'" text.txt >lines 2>why || wrong "try: $(cat why)"
[ ! -s why ] && [ "$(grep -c '^\$ firstlight-train ' lines)" = 4 ] || wrong "try: $(cat lines why)"
sample=$(sed '1,/^\$ firstlight-train sample/d' lines)
[ -n "$sample" ] || wrong "try: no sample: $(cat lines)"
mkdir typed
(cd typed && mkdir all && cp ../text.txt . && PATH=$FIRSTLIGHT_BIN:$PATH bash -e <(sed -n 's/^\$ //p' ../lines)) >again ||
    wrong "the commands of try can't be typed: $(cat lines)"
[ "$(tail -n "$(wc -l <<<"$sample")" again)" = "$sample" ] || wrong "typed, its commands say something else: $(cat again)"
"$train" try -o all "${small[@]}" --prompt "a 'b'" text.txt >again 2>why || wrong "try again: $(cat why)"
grep -q '^nothing to do: step 3' again && [ "$(sed '1,/^\$ firstlight-train sample/d' again)" = "$sample" ] || wrong "try again: $(cat again)"

# A tokenizer without a token for the beginning of a text: what follows the end of one begins it.
python3 -c 'import base64
for i in range(256): print(base64.b64encode(bytes([i])).decode(), i)' >bytes.tiktoken
"$train" data build -q --tokenizer bytes.tiktoken -o bytes text.txt >log
"$train" train nano.yaml --data bytes -o bytesout -s valid.every=0 -s sample.every=1 -s sample.prompt= -s train.steps=2 >lines 2>why ||
    wrong "no sample without a beginning: $(cat why)"
[ "$(grep -c '^sample after step' lines)" = 2 ] || wrong "samples without a beginning: $(cat lines)"
"$train" sample bytesout -n 4 >lines 2>why && [ -s lines ] || wrong "a sample of nothing: $(cat why)"

# A table of tokens has a line each, whatever their names are.
[ "$("$train" logits out --tokens 1 -n 1000 | wc -l)" = 320 ] || wrong "logits of 320 tokens"
"$train" logits out --tokens 1 -n 1000 | grep -qF '  \n\n' || wrong "a token of newlines"

"$train" train nano.yaml -o quiet --quiet >lines 2>why
[ ! -s lines ] && [ ! -s why ] || wrong "--quiet says $(cat lines why)"

# The log has the fields that its man page tells, and no others.
python3 - "$FIRSTLIGHT_SOURCE/man/firstlight-train-train.1" <<'PYTHON' || wrong "the log"
import json, re, sys
page = open(sys.argv[1]).read().split(".Sh THE LOG")[1].split(".Sh FILES")[0]
told = {}
for names, text in re.findall(r"\.It Cm (.*)\n((?:[^\n]*\n)+?)(?=\.It|\.El)", page):
    text = re.sub(r"(?m)^\.Pq.*\n?|\([^)]*\)", ",", text)
    for name in names.split(" , "):
        told[name] = {"time", "event"} | set(re.findall(r"[a-z_]+", text.replace("a sentence", "")))
events = [json.loads(line) for line in open("out/log.jsonl")]
for event in events:
    assert event["event"] in told and set(event) == told[event["event"]], (event, told.get(event["event"]))
kinds = [event["event"] for event in events]
assert kinds[0] == "ready" and kinds[-2:] == ["done", "hash"], kinds
assert kinds.count("step") == 12 and {"valid", "sample", "saved"} <= set(kinds), kinds
assert all(a["time"] <= b["time"] for a, b in zip(events, events[1:])) and events[0]["time"] > 1e9
assert all(e["mfu"] < 1 for e in events if e["event"] == "step")
PYTHON

# On a terminal of any width the live line is one line, and what is said stands above it.
python3 - "$train" <<'PYTHON' || wrong "the live line"
import fcntl, os, pty, re, struct, sys, termios
for columns in 40, 80, 120, 200:
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execv(sys.argv[1], [sys.argv[1], "train", "nano.yaml", "-o", "wide%d" % columns, "-s", "sample.every=0"])
    out = b""
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        out += more
    assert os.waitpid(pid, 0)[1] == 0, out
    lines = re.findall(rb"\r\x1b\[K([^\r\n]*)", out)
    live = [line for line in lines if re.match(rb"([#.]{20}  )?\d+/12  ", line)]
    assert len(live) == 12, (columns, out)
    assert max(map(len, live)) < columns, (columns, live)
    assert all(b"loss " in line for line in live) and all(b"ends in" in line for line in live), live
    assert columns < 200 or b"experts" in live[0] and b"MFU" in live[0] and b"#" in live[-1], live
    above = re.search(rb"\r\x1b\[Kheld out after step 6: [^\r\n]*\r\n", out)
    assert above and b"\r\x1b[K" in out[above.end():], out
    assert out.count(b"\r\n") >= 5 and out.endswith(b"\r\n") and b"\x1b[3" not in out, out
PYTHON

# One SIGINT saves and leaves; what was started goes on from there; two end at once.
wait_for() { # wait_for FILE TEXT PID: at most a minute
    for _ in $(seq 600); do
        ! grep -q "$2" "$1" 2>/dev/null || return 0
        kill -0 "$3" 2>/dev/null || break
        sleep 0.1
    done
    grep -q "$2" "$1" || { wrong "no '$2' in $1: $(tail -3 "$1")"; return 1; }
}
long=(nano.yaml -o stopped --set train.steps=1000000 --set valid.every=0 --set sample.every=0 --set checkpoint.every=0)
(trap - INT; exec "$train" train "${long[@]}") >lines 2>&1 &
pid=$!
wait_for stopped/log.jsonl '"event":"step","step":3,' $pid && kill -INT $pid
code=0
wait $pid || code=$?
[ $code = 0 ] && grep -q '^stopping: ' lines && grep -q '^stopped after step' lines || wrong "one SIGINT: exit $code: $(tail -3 lines)"
ls stopped/step-*/MANIFEST >/dev/null || wrong "nothing was saved"
(trap - INT; exec "$train" train "${long[@]}" --log twice.jsonl --log-every 1) >lines 2>&1 &
pid=$!
wait_for twice.jsonl '"event":"step"' $pid && kill -STOP $pid && kill -INT $pid && kill -CONT $pid
wait_for lines '^stopping: ' $pid || :
kill -INT $pid 2>/dev/null || :
wait $pid || :
grep -q '^resume: from stopped/step-' lines || wrong "it did not go on: $(head -3 lines)"
# A launcher's SIGTERM to what is left of an attempt is not called the user's.
(TORCHELASTIC_RUN_ID=x exec "$train" train "${long[@]}" --log told.jsonl --log-every 1) >lines 2>&1 &
pid=$!
wait_for told.jsonl '"event":"step"' $pid && kill -TERM $pid
wait $pid || wrong "a launcher's SIGTERM: exit code $?: $(tail -3 lines)"
grep -q '^stopping: the launcher ends this attempt' lines || wrong "of a launcher's SIGTERM it said $(tail -3 lines)"

# The settings come back.
"$train" train nano.yaml -o "o: #1" -d data=2 --set optim.lr=0.00123 --print-config >once.yaml
"$train" train once.yaml --print-config | cmp - once.yaml || wrong "--print-config read back"
[ "$(grep -c . once.yaml)" -gt 60 ] && grep -qx 'optim.lr: 0.00123' once.yaml || wrong "--print-config is short"
[ ! -e "o: #1" ] || wrong "--print-config made a folder"
"$train" settings grok-nano | cut -d ' ' -f 1 | diff - <(sed -n 's/^\([a-z]*\.[a-z_0-9]*\): .*/\1/p' once.yaml) || wrong "settings"

# Samples: a seed says all, cold is the likeliest, several side by side are as alone.
one() { "$train" sample -n 24 "$@" out; }
[ "$(one -p 'In the')" = "$(one -p 'In the')" ] || wrong "the same seed says something else"
[ "$(one -p 'In the' --temperature 2)" != "$(one -p 'In the' --temperature 2 --seed 2)" ] || wrong "another seed says the same"
[ "$(one -p 'In the' --temperature 0 --seed 3)" = "$(one -p 'In the' --temperature 0)" ] || wrong "cold depends on the seed"
one -p 'In the' --temperature 3 >stream
one -p 'In the' --temperature 3 --json | python3 -c '
import json, sys
answer = json.load(sys.stdin)
assert len(answer) == 1 and answer[0]["tokens"] > 5
assert answer[0]["text"] + "\n" == open("stream", encoding="utf-8").read(), answer' || wrong "the stream is not the whole"
one -p 'In the' -p 'step' --temperature 0 --json | python3 -c '
import json, sys
both = [row["text"] for row in json.load(sys.stdin)]
assert both[0].startswith("In the") and both[1].startswith("step"), both' || wrong "two prompts"
[ "$(one -p 'In the' -p step --temperature 0)" = "$(one -p 'In the' --temperature 0; echo ---; one -p step --temperature 0)" ] ||
    wrong "two prompts are not what each is alone"

# Bits per byte: the loss of all targets over the bytes of the text they stand for.
"$train" eval --data data --json out >eval.json
"$train" data info --json data >info.json
python3 - <<'PYTHON' || wrong "eval"
import json, math
answer, info = json.load(open("eval.json")), json.load(open("info.json"))
want = answer["loss"] * answer["targets"] / math.log(2) / info["held_out"]["text_bytes"]
assert answer["targets"] == info["held_out"]["tokens"] - 1, (answer, info["held_out"])
assert abs(answer["bits_per_byte"] - want) < 1e-9 and abs(answer["perplexity"] - math.exp(answer["loss"])) < 1e-6
seen = [json.loads(line) for line in open("out/log.jsonl")]
last = [e for e in seen if e["event"] == "valid"][-1]
assert abs(last["loss"] - answer["loss"]) < 1e-5 and abs(last["bits_per_byte"] - want) < 1e-5, (last, answer)
PYTHON

# Sizes and plans, without the memory.
"$train" info --presets >presets
python3 - "$train" <<'PYTHON' || wrong "info"
import json, resource, subprocess, sys
answers = {}
for line in open("presets"):
    name = line.split()[0]
    answers[name] = json.loads(subprocess.check_output([sys.argv[1], "info", "--preset", name, "--json"]))
grok = answers["grok-1"]
assert grok["weights"] == 315684820992 and grok["active"] == 83756587008, grok["weights"]
assert 0 <= grok["memory"]["weights"] // 4 - grok["weights"] < grok["weights"] / 100
assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 200000, "info takes the memory that it plans"
PYTHON
timeout 60 "$train" train -p grok-1 -d data -o never >lines 2>why && wrong "grok-1 trains here"
grep -q 'this training needs [0-9.]* TiB of memory, and this host has ' why || wrong "grok-1 here: $(cat why)"
[ ! -e never ] || wrong "grok-1 left a folder"
"$train" info --preset grok-1 | grep -qx '  weights  *315,684,820,992' || wrong "info grok-1"
moments() { "$train" info --preset grok-1 --json --world $1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["memory"]["moments"] // 2**20)'; }
[ "$(moments 64)" -lt $(($(moments 1) / 63)) ] || wrong "64 ranks don't share the moments"

# Completions.
for shell in bash zsh fish; do
    "$train" completion $shell >$shell.script || wrong "completion $shell"
    ! command -v $shell >/dev/null || $shell -n $shell.script || wrong "$shell does not parse its script"
    for word in tokenizer train sample print-config held-out; do
        grep -q -- "$word" $shell.script || wrong "$shell: no '$word'"
    done
done
. ./bash.script
completes() {
    local want=$1
    shift
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _firstlight_train firstlight-train "${@: -1}" "${@: -2:1}" || :
    printf '%s\n' "${COMPREPLY[@]}" | grep -qx -- "$want" || wrong "'$*' does not offer $want, but: ${COMPREPLY[*]}"
}
completes tokenizer firstlight-train tok
completes --preset firstlight-train train --pre
completes show firstlight-train data s
exit $failed
