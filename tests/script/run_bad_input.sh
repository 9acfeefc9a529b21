#!/usr/bin/env bash
# What can't be run is said in one clear sentence, with the documented exit code, and nothing is left of
# it; and each cause of a run's end has its own exit code.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"

# refused SENTENCE WORD...: exit code 2, one line with these words, no run made.
refused() {
    local sentence=$1 code=0 before
    shift
    before=$(ls "$state/runs" 2>/dev/null | wc -l)
    timeout 60 "$bin" "$@" >out 2>err </dev/null || code=$?
    [ $code = 2 ] || wrong "$*: exit code $code, not 2"
    [ "$(wc -l <err)" = 1 ] && [ ! -s out ] || wrong "$*: not one sentence: $(cat out err)"
    grep -qe "$sentence" err || wrong "$*: '$sentence' is not said: $(cat err)"
    [ "$(ls "$state/runs" 2>/dev/null | wc -l)" = $before ] || wrong "$*: a run was made"
}
printf 'n1\nn2 n[\nn3\n' >hosts
printf 'command: [true]\nranks: 2\nnoodles: 3\n' >key.yaml
printf 'command: [true]\nranks: [2\n' >torn.yaml
python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True); time.sleep(600)' >port &
holder=$!
await [ -s port ]
refused 'takes at least 1, not 0' run -n 0 -- true
refused 'takes a number' run -n many -- true
refused '--hang takes a time' run --hang banana -- true
refused 'there is no option --bogus' run --bogus -- true
refused 'nothing to run' run
refused 'more than 65536' run -n 100000 -- true
refused 'hosts: line 2: ' run --hosts @hosts -- true
refused 'nohosts: No such file' run --hosts @nohosts -- true
refused "key.yaml: line 3: there is no key 'noodles'" run key.yaml
refused 'torn.yaml: line ' run torn.yaml
refused 'no.yaml: No such file' run no.yaml
refused "port $(cat port) is taken: python3 (pid $holder)" run --listen 127.0.0.1:$(cat port) -- true
refused 'cannot listen on 203.0.113.7' run --listen 203.0.113.7 -- true
refused "takes ADDRESS or ADDRESS:PORT" run --listen nonsense:99999 -- true
refused '/etc/passwd: not a folder' run --state /etc/passwd -- true
refused '/no/agent: not there' run --agent /no/agent -- true
refused "there is no run 'nothing'" resume nothing
soft=$(ulimit -Sn)
ulimit -Sn 600
(ulimit -Hn 600; refused '500 nodes need 756 open files' run -q --backend join -N 500 --listen 127.0.0.1 -- true; exit $failed) || failed=1
ulimit -Sn "$soft"
kill $holder
wait $holder 2>/dev/null

# ends CODE NAME WORD...: a run that ends so.
ends() {
    local code=$1 name=$2
    shift 2
    begin "$name" "$@"
    ended "$name" $code
}
ends 0 done -n 2 -- true
ends 1 program -n 2 --attempts-max 1 -- false
ends 1 signal --attempts-max 1 -- sh -c 'kill -SEGV $$'
ends 4 spawn -N 4 --nproc-per-node 8 -- /no/such/program
[ "$(grep -c 'no such program' spawn.err)" = 1 ] || wrong "spawn: not said once: $(cat spawn.err)"
said spawn 'failed (spawn): local-\[0-3\]: /no/such/program: no such program$' || wrong "spawn: the nodes are not named: $(cat spawn.err)"
ends 4 nofile -n 2 -- /etc/passwd
ends 4 nofolder --cwd /no/such -- true
ends 6 short --start-timeout 1s --hosts no-such-host.invalid -- true
said short 'no-such-host.invalid: ' || wrong "short: the host is not named: $(cat short.err)"
ends 8 hang --hang 1s --attempts-max 1 --step-pattern 'step {step}' -- sh -c 'echo step 1; sleep 1000'
ends 11 limit --time-limit 1s --stop-grace 1s -- sleep 1000
begin node -N 2 --attempts-max 1 -- sleep 1000
await happened attempt.running || wrong "node: it does not run"
kill -9 $(wardens_of $id | head -1)
ended node 5
exit $failed
