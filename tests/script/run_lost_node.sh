#!/usr/bin/env bash
# Agents on other machines (here: other folders, by the back end join): what a lost node's ranks printed is
# still there as far as it had been forwarded; a link that is cut and returns is noticed by nobody; one
# that stays away makes the node lost.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"

# join NODE [PORT]: its agent, as somebody on that machine would start it.
join() {
    local port=${2:-$control_port}
    "$agent" run --controller 127.0.0.1:$port --node $1 --run "$id" --folder "$work/machine$1" <"$state/runs/$id/key" >agent$1.log 2>&1 &
}
listening() {
    [ -e "$state/runs/$id/controller.json" ] || return 1
    control_port=$(tr ',' '\n' <"$state/runs/$id/controller.json" 2>/dev/null | sed -n 's/.*"port": *\([0-9]*\).*/\1/p')
    [ -n "$control_port" ]
}
cat >job.sh <<'SH'
i=0
while [ $i -lt 5000 ]; do i=$((i + 1)); echo "rank $RANK says line $i of 5000"; done
touch said.$RANK
until [ -e enough ]; do sleep 0.05; done
SH
all_said() { [ -e said.0 ] && [ -e said.1 ]; }
shown() { grep -q "rank 1 says line 5000" lost.out; }

begin lost --backend join -N 2 --node-timeout 3s --attempts-max 1 -- sh job.sh
await listening
join 0
join 1
await all_said && await shown || wrong "lost: it does not run: $(cat lost.err)"
[ "$("$bin" logs --rank 1 --tail 1 "$id")" = "rank 1 says line 5000 of 5000" ] || wrong "lost: no log by the agent"
kill -9 $(for pid in $(agents_of "$id"); do grep -qzx "$work/machine1" /proc/$pid/cmdline && echo $pid; done)
rm -rf machine1
ended lost 5
[ "$("$bin" logs --rank 1 --tail 1 "$id")" = "rank 1 says line 5000 of 5000" ] || wrong "lost: what was forwarded is not there: $("$bin" logs --rank 1 --tail 1 "$id" 2>&1 | head -c 300)"
[ "$("$bin" logs --rank 1 "$id" | wc -l)" -ge 4000 ] || wrong "lost: only $("$bin" logs --rank 1 "$id" | wc -l) lines were kept"
[ "$(du -sk "$state/runs/$id/nodes" | cut -f1)" -le 700 ] || wrong "lost: $(du -sk "$state/runs/$id/nodes") are kept of two ranks"

# A proxy between: while it is stopped, nothing passes.
cat >proxy.py <<'PYTHON'
import asyncio, sys
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def meet(reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))
async def main():
    server = await asyncio.start_server(meet, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
PYTHON
begin_proxy() {
    rm -f proxy.port
    python3 proxy.py "${1:-$control_port}" >proxy.port &
    proxy=$!
    await [ -s proxy.port ]
}
rm -f said.* enough
begin link --backend join -N 2 --node-timeout 3s --attempts-max 2 --checkpoint 'ckpt/step_*' --complete-when 'file .done' -- sh job.sh
await listening
begin_proxy
join 0
join 1 "$(cat proxy.port)"
await all_said || wrong "link: it does not run: $(cat link.err)"
pids=$(ranks_of "$id" | sort)
kill -STOP $proxy # shorter than the time-out: nobody notices
sleep 1
kill -CONT $proxy
kill -9 $proxy # the connection breaks, and cannot come back by this way: another proxy at the same port
wait $proxy 2>/dev/null
python3 - "$(cat proxy.port)" "$control_port" >again.port <<'PYTHON' &
import os, re, sys
text = open("proxy.py").read().replace('"127.0.0.1", 0)', f'"127.0.0.1", {sys.argv[1]})')
sys.argv = ["proxy.py", sys.argv[2]]
exec(text)
PYTHON
proxy=$!
came_back() { happened node.down && "$bin" show --json "$id" | grep -q '"nodes_up": *2'; }
await came_back || wrong "link: the agent does not come back: $("$bin" events "$id" | tail -5)"
[ "$(count node.lost)" = 0 ] || wrong "link: a node was lost in a second: $("$bin" events "$id" | tail -5)"
[ "$(ranks_of "$id" | sort | tr '\n' ' ')" != "" ] && [ "$(count attempt.begun)" = 1 ] || wrong "link: the ranks noticed"
kill -STOP $proxy # longer: the node is lost
await happened node.lost || wrong "link: nobody misses the node"
kill -KILL $proxy
wait $proxy 2>/dev/null
touch enough
"$bin" stop --now "$id" >/dev/null
await gone $run || wrong "link: it does not end"
wait $run
await no_ranks "$id" || { kill $(below_wardens_of "$id"); await nothing_left "$id" || wrong "link: ranks stay: $(ranks_of "$id")"; }
exit $failed
