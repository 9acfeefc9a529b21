#!/usr/bin/env bash
# What is wrong with a request to firstlight-train is one clear sentence that names file, line or key,
# and exit 2.
set -eu
train=$FIRSTLIGHT_BIN/firstlight-train
work=$(mktemp -d "${TMPDIR:-/tmp}/firstlight-train-bad.XXXXXX")
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
failed=0

# expect TEXT ARGUMENT...: exit 2, one line on stderr, and that text in it
expect() {
    local text=$1 got=0
    shift
    timeout 120 "$train" "$@" >said 2>why </dev/null || got=$?
    if [ "$got" != 2 ] || [ "$(wc -l <why)" != 1 ] || ! grep -qF -- "$text" why; then
        echo "FAILED: ${*: -6}: exit $got (want 2), looking for: $text"
        sed 's/^/    /' why said | cut -c1-200 | head -4
        failed=1
    fi
}

for i in $(seq 100); do
    echo "In the beginning the cluster had $((i * i % 97)) nodes; then came step $i, and light."
done >text.txt
mkdir parts
split -n l/4 text.txt parts/p
"$train" tokenizer train --vocab 320 -o tok.model text.txt >log
"$train" tokenizer train --vocab 330 -o other.model text.txt >log
"$train" data build --tokenizer tok.model -o data parts >log
"$train" data build --tokenizer other.model --held-out 0.25 -o otherdata parts >log
small=(--preset grok-nano --set model.dim=32 --set model.layers=1 --set model.ffn=40 --set train.time=16
    --set train.threads=1 --set train.batch=4 --set train.steps=2)
"$train" train "${small[@]}" --data data --out out --quiet >log 2>&1 || { cat log; exit 1; }
new=("${small[@]}" --data data --out new)

# settings, by --set and from a file
expect "no setting 'optim.lrr'; did you mean optim.lr" train "${new[@]}" --set optim.lrr=1
expect "no setting 'steps'; did you mean train.steps" train "${new[@]}" --set steps=1
expect "no KEY=VALUE" train "${new[@]}" --set optim.lr
expect "optim.lr is 'high', but takes a number from 0 to 100" train "${new[@]}" --set optim.lr=high
expect "train.steps is '-4', but takes a whole number" train "${new[@]}" --set train.steps=-4
expect "train.precision is 'fp16', but takes one of: fp32 bf16" train "${new[@]}" --set train.precision=fp16
expect "no kernels 'sse'" train "${new[@]}" --set train.kernels=sse
expect "model.kv_heads (2) does not divide model.q_heads (3)" train "${new[@]}" --set model.q_heads=3
expect "train.time 300 is longer than model.context 256" train "${new[@]}" --set train.time=300
expect "train.shards 3 does not divide train.batch 4" train "${new[@]}" --set train.shards=3
printf 'optim:\n  lr: 1e-3\n  warmpu: 3\n' >key.yaml
expect "key.yaml: line 3: there is no setting 'optim.warmpu'; did you mean optim.warmup" train "${new[@]}" key.yaml
printf 'optim:\n  lr: [1e-3\n' >open.yaml
expect "open.yaml: line 3: " train "${new[@]}" open.yaml
printf 'train:\n  steps: [1, 2]\n' >list.yaml
expect "list.yaml: line 2: train.steps has a value already" train "${new[@]}" list.yaml
printf 'optim: {lr: 1e-3}\nmodel.dim: 64\noptim.lr: 2e-3\n' >twice.yaml
expect "twice.yaml: line 3: optim.lr has a value already" train "${new[@]}" twice.yaml
expect "model.bos is 5, but the data's tokenizer has 1 for it" train "${new[@]}" --set model.bos=5
printf '# nothing\npreset: grok-nanoo\n' >preset.yaml
expect "preset.yaml: line 2: there is no preset 'grok-nanoo'; there are grok-nano, grok-tiny" train --data data --out new preset.yaml
printf 'hello\n' >word.yaml
expect "word.yaml: line 1: a value without a key" train "${new[@]}" word.yaml
expect "nothing.yaml: No such file or directory" train "${new[@]}" nothing.yaml
expect "data: Is a directory" train "${new[@]}" data
expect "one file of settings at most" train key.yaml open.yaml
expect "there is no preset 'grok-9'; there are" settings grok-9
expect "there is no preset 'grok-9'; there are" info --preset grok-9
expect "--world takes at least 1" info --preset grok-1 --world 0
expect "there is no option --precison" train --precison
expect "there is no command 'trian'" trian

# folders and data
expect "where to? name a folder with -o" train "${small[@]}" --data data
expect "on what?" train "${small[@]}" --out new
expect "nowhere: no finished" train "${small[@]}" --data nowhere --out new
expect "text.txt is a file; 'data build' makes a folder of tokens of it" train "${small[@]}" --data text.txt --out new
expect "is named twice" train "${small[@]}" --data data --data data/ --out new
expect "the weight of data 'data=0' is no number above 0" train "${small[@]}" --data data=0 --out new
expect "were made with different tokenizers" train "${small[@]}" --data data --data otherdata --out new
expect "the data has a vocabulary of 320 tokens, the model (model.vocab) one of 200" train "${new[@]}" --set model.vocab=200
expect "text.txt is there and no folder" train "${small[@]}" --data data --out text.txt
expect "no/such/place: No such file or directory" train "${small[@]}" --data data --out no/such/place
expect "/nowhere/log: No such file or directory" train "${new[@]}" --log /nowhere/log
if [ "$(id -u)" != 0 ]; then
    mkdir -m 555 locked
    expect "locked/log.jsonl: Permission denied" train "${small[@]}" --data data --out locked
    cp -r data unread && chmod 000 unread/index.json
    expect "Permission denied" train "${small[@]}" --data unread --out new
fi
expect "no back end 'carrier'" train "${new[@]}" --backend carrier
RANK=0 WORLD_SIZE=4 expect "MASTER_ADDR" train "${new[@]}"
cp -r data broken && printf x | dd of=broken/tokenizer.model bs=1 seek=40 conv=notrunc status=none
expect "broken" train "${small[@]}" --data broken --out new

# resuming something else
more=("${small[@]}" --out out --set train.steps=4)
expect "model.dim = 32, this run 40" train "${more[@]}" --data data --set model.dim=40
expect "train.batch = 4, this run 8" train "${more[@]}" --data data --set train.batch=8
expect "model.vocab = 320, this run 330" train "${more[@]}" --data otherdata
expect "nowhere: No such file or directory" train "${new[@]}" --resume nowhere
expect "data: there is no whole checkpoint" train "${new[@]}" --resume data
"$train" data build --tokenizer tok.model --held-out 0 -o lessdata parts/paa >log
expect "was trained on other data" train "${more[@]}" --data lessdata

# a model that was trained
expect "which model?" sample
expect "nowhere: No such file or directory" sample nowhere
expect "text.txt: Not a directory" sample text.txt
expect "data: there is no whole checkpoint" eval --data data data
expect "tokens, the model's context is 256" sample --prompt "$(seq 1 400)" out
expect "top-p is 0 to 1, not 2" sample --top-p 2 out
expect "top-p is 0 to 1, not -0.5" sample --top-p -0.5 out
expect "the temperature is 0 to 100, not -1" sample --temperature -1 out
expect "the temperature is 0 to 100, not nan" sample --prompt text --temperature nan out
[ ! -s said ] || { echo "FAILED: a prompt is printed before its sampling is refused"; failed=1; }
expect "--tokens takes a number, not '-5'" sample --tokens -5 out
expect "--seed takes a number, not '-1'" sample --seed -1 out
expect "100000 threads are more than" sample --threads 100000 out
expect "with --data" eval out
expect "was built with another tokenizer" eval --data otherdata out
expect "but model.context is 256" eval --data data --time 100000 out
expect "has no held-out split" eval --data lessdata out
expect "out has no config.json: name a folder of safetensors, or a GGUF file" import -o new out
expect "the precision is fp32 or bf16, not 'fp8'" eval --data data --precision fp8 out
expect "name one model, and --tokens or --text" logits out
expect "token 320 is not in the vocabulary of 320" logits --tokens 1,320 out
expect "'-3' is no token id" logits --tokens 1,-3 out
expect "'' is no token id" logits --tokens 1,,3 out
expect "there is no token" logits --tokens "" out
expect "300 tokens, but model.context is 256" logits --tokens "$(seq -s, 1 300)" out
expect "name one model, and with --out" export --format gguf out

# all in one go
expect "where to? name a folder with -o" try text.txt
expect "of what?" try -o new
expect "text.txt/tokenizer.model: Not a directory" try -o text.txt parts
expect "nowhere.txt: No such file or directory" try -o new nowhere.txt
WORLD_SIZE=2 expect "one process does all of it" try -o new text.txt

# text that is none
printf 'good \377' >bad.txt
: >empty.txt
echo short >short.txt
printf '{"text": "a"}\n{"txt": "b"}\n' >key.jsonl
printf '{"text": "a"}\n{"text": "b"\n' >open.jsonl
build=(data build --tokenizer tok.model -o newdata)
expect "bad.txt: byte 5 is not UTF-8" "${build[@]}" bad.txt
expect "no text" "${build[@]}" empty.txt
expect "key.jsonl: line 2: no key \"text\"" "${build[@]}" key.jsonl
expect "open.jsonl: line 2: column" "${build[@]}" open.jsonl
expect "nothing.txt: No such file or directory" "${build[@]}" nothing.txt
expect "the held-out part is 0 to 0.5" "${build[@]}" --held-out 0.9 text.txt
expect "text.txt: no SentencePiece model" data build --tokenizer text.txt -o newdata text.txt
expect "its shards are of something else" data build --tokenizer other.model -o data text.txt
expect "wants files or folders of text" tokenizer train --vocab 400 -o new.model
expect "there is no text to learn from" tokenizer train -o new.model empty.txt
expect "bad.txt: byte 5 is not UTF-8 (--allow-invalid" tokenizer train -o new.model bad.txt
expect "key.jsonl: line 2: no key \"text\"" tokenizer train -o new.model key.jsonl
expect "/nowhere/new.model: No such file or directory" tokenizer train -o /nowhere/new.model text.txt
expect "parts is a folder; the model is a file" tokenizer train -o parts text.txt
expect "the text gives a vocabulary of" tokenizer train --vocab 40000 -o new.model text.txt

# weights that are not finite; with the checksums of who wrote them, which are XXH3 and CRC32C
if python3 -c 'import ctypes; ctypes.CDLL("libxxhash.so.0").XXH3_64bits' 2>/dev/null; then
    cp -r out nan
    python3 - nan/step-00000002 <<'PYTHON'
import ctypes, os, struct, sys
folder = sys.argv[1]
xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
xxh3.restype, xxh3.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
table = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    table.append(i)
def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF
name = "part-00000-of-00001"
part = bytearray(open(folder + "/" + name, "rb").read())
slice_bytes, = struct.unpack_from("<I", part, 12)
struct.pack_into("<f", part, 4096 + 4 * 7, float("nan"))
items, begin, end, vectors = struct.unpack_from("<QQQI", part, 32)
at = 4096 + vectors * 4 * (end - begin)
struct.pack_into("<I", part, at, crc32c(part[4096:4096 + min(slice_bytes, 4 * (end - begin))]))
struct.pack_into("<I", part, len(part) - 4, crc32c(part[at:-4]))
open(folder + "/" + name, "wb").write(part)
lines = open(folder + "/MANIFEST").read().splitlines()
for i, line in enumerate(lines):
    if line.endswith(" " + name):
        lines[i] = "%016x %d %s" % (xxh3(bytes(part), len(part)), len(part), name)
open(folder + "/MANIFEST", "w").write("\n".join(lines) + "\n")
PYTHON
    expect "nan/step-00000002: weight 7 of embed is nan" sample nan
    expect "weight 7 of embed is nan" eval --data data --all nan
    expect "weight 7 of embed is nan" logits --tokens 1,2 nan
    expect "weight 7 of embed is nan" train "${small[@]}" --data data --out new --resume nan --set train.steps=4
    expect "holds nan" export --format safetensors -o new.safetensors nan
else
    echo "no libxxhash.so.0 for Python: weights that are not finite were not tried"
fi
exit $failed
