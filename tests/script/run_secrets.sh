#!/usr/bin/env bash
# The run's key is in nobody's arguments, environment or log; files are the owner's alone; what listens
# for ranks listens on loopback; and all of that with a state folder whose name is long.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
export XDG_STATE_HOME=$work/$(printf 'long%.0s' $(seq 40))
state=$XDG_STATE_HOME/firstlight

begin secrets -N 2 --nproc-per-node 2 --stop-grace 1s -- sh -c 'echo a line; exec sleep 1000'
await happened attempt.running || wrong "it does not run: $(cat secrets.err)"
key=$(cat "$state/runs/$id/key")
[ ${#key} -ge 40 ] || wrong "no key"

for word in cmdline environ; do
    found=$(grep -slf "$state/runs/$id/key" /proc/[0-9]*/$word || :)
    [ -z "$found" ] || wrong "the key is in $found"
done
# Secrets of the store are where nobody else may look; the key is in its own file alone.
found=$(find "$state" \( -type d ! -perm 0700 \) -o \( ! -type d ! -perm 0600 \))
[ -z "$found" ] || wrong "others may look at $(ls -ld $found)"
found=$(grep -rl --binary-files=text -e "$key" "$state" | grep -v "/$id/key\$" || :)
[ -z "$found" ] || wrong "the key is in $found"

# Ports of the controller and of the agents' stores: of this run's processes, all on loopback.
python3 - $(controller_of $id) $(agents_of $id) <<'PYTHON' || wrong "somebody listens for strangers"
import os, sys
inodes = set()
for pid in sys.argv[1:]:
    for fd in os.listdir(f"/proc/{pid}/fd"):
        link = os.readlink(f"/proc/{pid}/fd/{fd}")
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
count = 0
for file, loopback in (("tcp", "0100007F"), ("tcp6", "00000000000000000000000001000000")):
    for line in list(open(f"/proc/net/{file}"))[1:]:
        words = line.split()
        if words[3] == "0A" and words[9] in inodes:
            count += 1
            if words[1].split(":")[0] != loopback:
                sys.exit(f"{words[1]} is no loopback address")
if count < 3:
    sys.exit(f"{count} ports were seen, not 3")
PYTHON

"$bin" show --json "$id" | grep -q '"state": *"running"' || wrong "its control socket does not answer: $("$bin" show "$id")"
"$bin" stop "$id" >/dev/null || wrong "it can't be stopped"
ended secrets 9

# A folder that is open to others is said.
chmod 755 "$state"
"$bin" run true 2>err || wrong "a run in an open folder: $(cat err)"
grep -q "open to other users (mode 0755)" err || wrong "an open state folder is not said: $(cat err)"
chmod 700 "$state"
"$bin" run true 2>err
[ ! -s err ] || wrong "words without a reason: $(cat err)"
exit $failed
