# Helpers of the script tests that run jobs: sourced by them. A test works in $work, where its runs
# are kept too; what is left of them when it ends is killed, by their ids.
bin=$FIRSTLIGHT_BIN/firstlight
agent=$FIRSTLIGHT_BIN/firstlight-agent
source_dir=$FIRSTLIGHT_SOURCE
work=$(mktemp -d)
export XDG_STATE_HOME=$work/state
state=$XDG_STATE_HOME/firstlight
unset NO_COLOR FIRSTLIGHT_RUN_ID ${!PET_@} ${!SLURM_@}
failed=0
patience=${FIRSTLIGHT_PATIENCE:-60} # seconds for what takes milliseconds on an idle machine
cd "$work"

wrong() {
    echo "WRONG: $*"
    failed=1
}

# Until the command is true; false after $patience seconds.
await() {
    local end=$((SECONDS + patience))
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}

# A run's id by its name.
id_of() { "$bin" query --csv "select id from runs where name = '$1' order by created_ns desc limit 1" | sed 1d; }

# Processes of a run, by its id: the ranks and all below them, which have it in their environment...
ranks_of() { grep -slzx "FIRSTLIGHT_RUN_ID=$1" /proc/[0-9]*/environ | cut -d/ -f3 || :; }
# ...and wardens and agents: the warden is the one whose parent is no agent of the run.
agents_of() {
    local pid
    for pid in $(grep -slzx -e "$1" /proc/[0-9]*/cmdline | cut -d/ -f3); do
        [ "$(readlink /proc/$pid/exe 2>/dev/null)" = "$(realpath "$agent")" ] && echo $pid
    done || :
}
parent_of() { sed 's/.*) . \([0-9]*\).*/\1/' /proc/$1/stat 2>/dev/null || :; }
wardens_of() {
    local pid all
    all=" $(agents_of "$1" | tr '\n' ' ') "
    for pid in $all; do
        case $all in *" $(parent_of $pid) "*) ;; *) echo $pid ;; esac
    done
}
below_wardens_of() {
    local wardens pid
    wardens=" $(wardens_of "$1" | tr '\n' ' ') "
    for pid in $(agents_of "$1"); do
        case $wardens in *" $pid "*) ;; *) echo $pid ;; esac
    done
}
controller_of() { cat "$state/runs/$1/lock" 2>/dev/null || :; }
no_ranks() { [ -z "$(ranks_of "$1")" ]; }
nothing_left() { [ -z "$(ranks_of "$1")$(agents_of "$1")" ]; }

clean_up() {
    local id pid
    for id in $(ls "$state/runs" 2>/dev/null); do
        for pid in $(controller_of $id); do
            [ "$(readlink /proc/$pid/exe 2>/dev/null)" = "$(realpath "$bin")" ] && kill -9 $pid $(parent_if_ours $pid) 2>/dev/null
        done
        kill -9 $(agents_of $id) $(ranks_of $id) 2>/dev/null
    done
    cd /
    rm -rf "$work"
}
# Who watches over a detached controller would start it again.
parent_if_ours() {
    local parent
    parent=$(parent_of $1)
    [ "$(readlink /proc/$parent/exe 2>/dev/null)" = "$(realpath "$bin")" ] && echo $parent || :
}
trap clean_up EXIT

# begin NAME WORD...: a run in the background. Its process is $run, its id $id, its output NAME.out
# and NAME.err.
begin() {
    local name=$1
    shift
    "$bin" run --name "$name" "$@" >"$name.out" 2>"$name.err" </dev/null &
    run=$!
    id=
    await known "$name" || { wrong "$name: no run was made: $(cat "$name.err")"; exit 1; }
}
known() {
    id=$(id_of "$1" 2>/dev/null)
    [ -n "$id" ] || ! kill -0 $run 2>/dev/null
}

# ended NAME CODE: wait for the run that began last; its exit code must be CODE.
ended() {
    local code=0
    await gone $run || { wrong "$1: it does not end: $("$bin" events "$id" | tail -5)"; return; }
    wait $run || code=$?
    [ $code = $2 ] || wrong "$1: exit code $code, not $2: $(cat "$1.err")"
    over "$1"
}
gone() { ! kill -0 $1 2>/dev/null; }

# over NAME [WORD...]: the run has ended; its events are in order, and no process is left of it.
over() {
    local name=$1
    shift
    await nothing_left "$id" || wrong "$name: left after its end: ranks $(ranks_of $id); agents $(agents_of $id); $(ps -eo pid,ppid,stat,args | grep -e sleep -e firstl)"
    events_fit "$name" --ended "$@"
}
events_fit() {
    local name=$1
    shift
    "$bin" events --json "$id" >"$name.events" || wrong "$name: no events"
    python3 "$source_dir/tests/events_check.py" "$@" <"$name.events" || { wrong "$name: its events contradict each other"; "$bin" events "$id"; }
}

# How many events of a kind; of the run that began last.
count() { "$bin" query --csv "select count(*) from events where run = '$id' and kind = '$1'" 2>/dev/null | sed 1d; }
exit_code() { "$bin" query --csv "select exit_code from runs where id = '$id'" 2>/dev/null | sed 1d; }
happened() { [ "$(count "$1")" -ge "${2:-1}" ]; }
said() { grep -qe "$2" "$1.err"; }
