# Helpers of the script tests that train: sourced by them. A test works in $work; processes that it
# leaves are killed at its end, by their ids.
train=$FIRSTLIGHT_BIN/firstlight-train
work=$(mktemp -d)
unset FIRSTLIGHT_RESUME ${!TORCHELASTIC_@} RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT
failed=0
patience=${FIRSTLIGHT_PATIENCE:-120} # seconds for what takes one on an idle machine
store=
pids=()
cd "$work"

wrong() {
    echo "WRONG: $*"
    failed=1
}
skip() {
    echo "skipped: $*"
    exit 77
}
clean_up() {
    [ ${#pids[@]} = 0 ] || { kill -9 "${pids[@]}" && wait "${pids[@]}"; } 2>/dev/null
    exec 9>&- # the store's stdin
    cd /
    rm -rf "$work"
}
trap clean_up EXIT

# A text that never changes: words from syllables, common ones more often, a document a line.
make_text() {
    awk -v documents="$1" 'BEGIN {
        split("ba ne ko ri tu sa mel dor win ga lo fe pra shi un", syllable, " ")
        x = 7
        for (d = 0; d < documents; d++) {
            printf "{\"text\":\""
            for (w = 0; w < 60; w++) {
                x = (x * 1103 + 12345) % 65536
                n = int(x * x / 65536 * 120 / 65536)
                printf "%s%s%s%s", w ? " " : "", syllable[n % 15 + 1], syllable[int(n / 7) % 15 + 1],
                    x % 11 ? "" : "."
            }
            print "\"}"
        }
    }'
}
# The folder data/, with a held-out split.
make_data() {
    make_text 300 >text.jsonl
    cp text.jsonl lines.txt # learnt of the lines as they are, as when tests/golden/train was recorded
    "$train" tokenizer train --vocab 320 -o tok.model lines.txt >make.log 2>&1 &&
        "$train" data build -q --tokenizer tok.model --held-out 0.05 --shard-tokens 8192 -o data text.jsonl >>make.log 2>&1 ||
        { wrong "no data: $(cat make.log)"; exit 1; }
}

# A model of 144,000 weights, whose steps take milliseconds. What a preset may change one day is said.
small=(-p grok-nano -q -s model.dim=64 -s model.layers=2 -s model.q_heads=2 -s model.kv_heads=1 -s model.ffn=64
    -s model.experts=4 -s train.time=32 -s train.batch=8 -s train.shards=4 -s train.threads=1 -s optim.warmup=5
    -s optim.lr=4e-3 -s router.bias_rate=0.01)

# The store where ranks meet: one for the test, attempts differ in their names.
open_store() {
    [ -z "$store" ] || return 0
    mkfifo store.in
    "$FIRSTLIGHT_BIN/storehost" 1 1 <store.in >store.out 2>store.err &
    pids+=($!)
    exec 9>store.in
    local end=$((SECONDS + patience))
    until store=$(head -1 store.out) && [ -n "$store" ]; do
        [ $SECONDS -lt $end ] || { wrong "no store"; exit 1; }
        sleep 0.02
    done
}
attempt=0
# start RANKS WORD...: `firstlight-train train WORD...` by so many ranks. Their ids are in ${rank_pids[@]},
# what rank R says in say.R.
start() {
    local size=$1 rank
    shift
    rank_pids=()
    rm -f say.*
    attempt=$((attempt + 1))
    [ $size = 1 ] || open_store
    for ((rank = 0; rank < size; rank++)); do
        if [ $size = 1 ]; then
            "$train" train -d data "$@" >say.$rank 2>&1 9>&- &
        else
            RANK=$rank WORLD_SIZE=$size LOCAL_WORLD_SIZE=$size MASTER_ADDR=127.0.0.1 MASTER_PORT=$store \
                TORCHELASTIC_RUN_ID=test TORCHELASTIC_RESTART_COUNT=$attempt \
                "$train" train -d data "$@" >say.$rank 2>&1 9>&- &
        fi
        rank_pids+=($!)
    done
    pids=("${pids[@]:0:1}" "${rank_pids[@]}") # the store, and these
}
# Wait for all of them: their exit codes in ${codes[@]}. A rank that hangs is killed, and is wrong.
finish() {
    local end=$((SECONDS + patience)) rank
    codes=()
    for rank in "${!rank_pids[@]}"; do
        while kill -0 ${rank_pids[rank]} 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.01; done
        if kill -0 ${rank_pids[rank]} 2>/dev/null; then
            wrong "rank $rank hangs: $(cat say.$rank)"
            kill -9 ${rank_pids[rank]}
        fi
        wait ${rank_pids[rank]}
        codes+=($?)
    done
} 2>/dev/null # bash tells of each that was killed
# together RANKS WORD...: to the end; false, and wrong, when a rank fails.
together() {
    start "$@"
    finish
    [[ ${codes[*]} =~ ^[0\ ]*$ ]] && return 0
    wrong "$*: exit codes ${codes[*]}: $(tail -n 3 say.*)"
    return 1
}
# The last hash that a run wrote into its log.
hash_of() { sed -n 's/.*"hash":"\([0-9a-f]*\)".*/\1/p' "$1/log.jsonl" 2>/dev/null | tail -1; }
