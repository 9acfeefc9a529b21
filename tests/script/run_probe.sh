#!/usr/bin/env bash
# The agent carries the probe: it runs on every node, where nothing is installed and whatever PATH says, from
# memory, or from a file where the kernel refuses that.
set -u
. "$FIRSTLIGHT_SOURCE/tests/run_lib.sh"
version=$("$FIRSTLIGHT_BIN/firstlight-probe" --version)
[ "${version% *}" = firstlight-probe ] || wrong "the probe says '$version'"
[ "$("$agent" probe --version)" = "$version" ] || wrong "the agent's probe says '$("$agent" probe --version 2>&1)'"
"$agent" probe --help | grep -q 'usage: firstlight-probe' || wrong "no --help: $("$agent" probe --help 2>&1)"

# Each host has a cache of its own, and a PATH with another firstlight-agent.
mkdir other
printf '#!/bin/sh\necho another\n' >other/firstlight-agent
cat >ssh <<'SH'
#!/bin/sh
while [ $# -gt 2 ]; do shift; done
XDG_CACHE_HOME=$(dirname $0)/cache-$1 exec sh -c "$2"
SH
chmod 755 ssh other/firstlight-agent
export FIRSTLIGHT_SSH=$work/ssh
begin probe -H 'c[1-2]' --listen 127.0.0.1 --independent --env "PATH=$work/other:$PATH" -- firstlight-agent probe --version
ended probe 0
[ "$(cat probe.out)" = "$version
$version" ] || wrong "over ssh: $(cat probe.out probe.err)"

# vm.memfd_noexec is of a pid namespace, in kernels that have it.
refuse='echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"'
inside() { unshare -Upf --mount-proc -r sh -c "$refuse" sh "$@"; }
if [ "$(inside echo yes 2>/dev/null)" = yes ]; then
    mkdir copied
    cp "$agent" copied/agent
    [ "$(inside "$work/copied/agent" probe --version)" = "$version" ] ||
        wrong "without memory that can be executed: $(inside "$work/copied/agent" probe --version 2>&1)"
    [ "$(ls -A copied)" = agent ] || wrong "it leaves files: $(ls -A copied)"
fi

# Nothing but the agent: no dynamic linker.
if unshare -r true 2>/dev/null && ! ldd "$agent" >/dev/null 2>&1; then
    mkdir bare
    cp "$agent" bare/agent
    unshare -r chroot "$work/bare" /agent probe --version >bare.out 2>&1 && wrong "it runs without a dynamic linker"
    [ "$(cat bare.out)" = "firstlight-agent: firstlight-probe needs the dynamic linker of glibc (ld-linux), which is not on this node" ] ||
        wrong "without a dynamic linker: $(cat bare.out)"
fi
[ $failed = 0 ] && echo "the probe travels: ok"
exit $failed
