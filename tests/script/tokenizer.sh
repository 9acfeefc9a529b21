#!/usr/bin/env bash
# Tokens are those of the SentencePiece library's own tools, to the id, for Grok-1's model, for models
# that spm_train makes, and for ours; text comes back byte for byte.
set -u
train=$FIRSTLIGHT_BIN/firstlight-train
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
for tool in spm_train spm_encode spm_decode python3; do
    command -v $tool >/dev/null || { echo "skipped: $tool is not installed (package sentencepiece)"; exit 77; }
done

cat "$FIRSTLIGHT_SOURCE"/README.md "$FIRSTLIGHT_SOURCE"/src/base/*.[ch] "$FIRSTLIGHT_SOURCE"/man/*.1 |
    sed 's/▁/_/g' >"$work/corpus" # which the library takes for a blank
# 400 kB of everything: words, runs of blanks, tabs and digits, all planes, wrong bytes, names of pieces.
python3 - "$work" <<'PYTHON'
import random, sys
rng, work = random.Random(1), sys.argv[1]
words = open(work + "/corpus", "rb").read().split()
def char(low, high):
    code = rng.randint(low, high)
    return b"" if 0xD800 <= code < 0xE000 or code in (10, 13) else chr(code).encode()
kinds = [
    lambda: rng.choice(words) + b" ", lambda: rng.choice(words) + b" ", lambda: rng.choice(words),
    lambda: b" " * rng.randint(1, 20), lambda: b"\t" * rng.randint(1, 12), lambda: b"%d" % rng.randint(0, 10**9),
    lambda: bytes(rng.randint(128, 255) for _ in range(rng.randint(1, 6))), lambda: b"\0",
    lambda: char(0, 0x10FFFF), lambda: char(0x4E00, 0x9FFF), lambda: char(0x300, 0x36F), lambda: char(0x1F300, 0x1FAFF),
    lambda: char(0xA0, 0x7FF), lambda: char(0xFF00, 0xFFEF), lambda: char(0xAC00, 0xD7A3),
    lambda: "▁".encode() * rng.randint(1, 3), lambda: bytes([rng.randint(33, 126)]) * rng.randint(1, 50),
    lambda: rng.choice([b"<s>", b"</s>", b"<unk>", b"[BOS]", b"<0x0A>", b"<|separator|>", b"<|control20|>", "ﬁ①㌀ﷺ\u00ad".encode()]),
]
with open(work + "/mixed", "wb") as out:
    while out.tell() < 400000:
        out.write(b"".join(rng.choice(kinds)() for _ in range(rng.randint(0, 60))) + b"\n")
PYTHON
[ "$(wc -c <"$work/mixed")" -ge 400000 ] || wrong "there is no text"

# same MODEL TEXT: both programs encode and decode it to the same bytes
same() {
    spm_encode --model="$1" --output_format=id <"$2" >"$work/theirs" 2>/dev/null || wrong "spm_encode: $1"
    "$train" tokenizer encode --lines --tokenizer "$1" <"$2" >"$work/ours" || wrong "encode: $1"
    cmp "$work/theirs" "$work/ours" || wrong "$1 on $2: other tokens"
    spm_decode --model="$1" --input_format=id <"$work/theirs" >"$work/theirs.text" 2>/dev/null || wrong "spm_decode: $1"
    "$train" tokenizer decode --lines --tokenizer "$1" <"$work/theirs" >"$work/ours.text" || wrong "decode: $1"
    cmp "$work/theirs.text" "$work/ours.text" || wrong "$1 on $2: another text"
}

model() { # model NAME OPTION...: one that spm_train makes
    spm_train --input="$work/corpus" --model_type=bpe --model_prefix="$work/$1" --minloglevel=2 "${@:2}" \
        >"$work/log" 2>&1 || wrong "spm_train $1: $(tail -1 "$work/log")"
    same "$work/$1.model" "$work/mixed"
}
model plain --vocab_size=1500
model bytes --vocab_size=1500 --byte_fallback --normalization_rule_name=identity --split_digits \
    --remove_extra_whitespaces=false --allow_whitespace_only_pieces --user_defined_symbols='ab,the,a b,▁in,  '
model suffix --vocab_size=1200 --treat_whitespace_as_suffix --user_defined_symbols='aa,a,ß'
model across --vocab_size=1200 --split_by_whitespace=false --normalization_rule_name=nmt_nfkc_cf --byte_fallback
model names --vocab_size=800 --add_dummy_prefix=false --unk_surface='<?>' --unk_piece='?' --unk_id=5 --bos_id=-1 \
    --eos_id=-1 --pad_id=0 --control_symbols='<c>'
grok=$FIRSTLIGHT_DATA/grok-1-tokenizer.model
if [ -e "$grok" ]; then
    same "$grok" "$work/mixed"
    same "$grok" "$work/corpus"
fi

# Ours: the same whatever the threads, and theirs reads it.
for threads in 1 2 3; do
    "$train" tokenizer train --vocab 2000 -o "$work/ours-$threads.model" --threads $threads "$work/corpus" ||
        wrong "training with $threads threads"
    cmp "$work/ours-1.model" "$work/ours-$threads.model" || wrong "$threads threads learn something else"
done
same "$work/ours-1.model" "$work/mixed"
same "$work/ours-1.model" "$work/corpus"

# What a text is packed in is not learnt.
gzip <"$work/corpus" >"$work/corpus.gz"
python3 -c 'import json, sys
for line in open(sys.argv[1], newline="\n"): print(json.dumps({"id": 1, "text": line.rstrip("\n")}))' "$work/corpus" |
    gzip >"$work/corpus.jsonl.gz"
for packed in corpus.gz corpus.jsonl.gz; do
    "$train" tokenizer train -q --vocab 2000 -o "$work/packed.model" "$work/$packed" &&
        cmp "$work/ours-1.model" "$work/packed.model" || wrong "$packed: something else is learnt"
done
"$train" tokenizer info --tokenizer "$work/ours-1.model" --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
assert info["vocab"] == 2000 and info["pad"] == 0 and info["bos"] == 1 and info["eos"] == 2 and info["unk"] == 3, info
' || wrong "info"

# All of a text at once comes back with its newlines.
"$train" tokenizer encode --tokenizer "$work/ours-1.model" <"$work/corpus" |
    "$train" tokenizer decode --tokenizer "$work/ours-1.model" | cmp - "$work/corpus" || wrong "the text did not come back"
[ "$(printf 'a\n\nb' | "$train" tokenizer encode --bos --eos --pieces --tokenizer "$work/ours-1.model")" = "[BOS] ▁a 

 b [EOS]" ] || wrong "pieces"

# Bad requests get a sentence.
says() { # says SENTENCE COMMAND...
    local said
    said=$("${@:2}" 2>&1 >/dev/null </dev/null) && wrong "${*:2}: no failure"
    case $said in *"$1"*) ;; *) wrong "${*:2}: $said" ;; esac
}
says "takes train, encode, decode or info" "$train" tokenizer
says "wants --tokenizer" "$train" tokenizer encode
says "takes no file" "$train" tokenizer encode --tokenizer "$work/ours-1.model" x
says "No such file" "$train" tokenizer encode --tokenizer "$work/nothing"
says "wants files" "$train" tokenizer train --vocab 1000 -o "$work/x"
says "too small" "$train" tokenizer train --vocab 100 -o "$work/x" "$work/corpus"
says "gives a vocabulary of" "$train" tokenizer train --vocab 1000000 -o "$work/x" "$work/corpus"
says "no SentencePiece model" "$train" tokenizer info --tokenizer "$work/corpus"
spm_train --input="$work/corpus" --model_type=unigram --vocab_size=500 --model_prefix="$work/unigram" --minloglevel=2 >/dev/null 2>&1
says "another type than BPE" "$train" tokenizer info --tokenizer "$work/unigram.model"
echo "5 2000" | "$train" tokenizer decode --tokenizer "$work/ours-1.model" 2>&1 | grep -q "line 1 .*'2000' is no token id" ||
    wrong "an id beyond the vocabulary"
[ ! -e "$work/x" ] || wrong "a failed training left a model"
exit $failed
