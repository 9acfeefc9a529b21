#!/usr/bin/env bash
# firstlight-agent runs anywhere: it is static, works for root and for nobody, says what it could not
# see, and changes nothing.
set -u
agent=$FIRSTLIGHT_BIN/firstlight-agent
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
command -v zstd >/dev/null && command -v tar >/dev/null || { echo "skipped: tar and zstd are needed"; exit 77; }
chmod 755 "$work"
manifest() { tar --zstd -xOf "$1" manifest.json; }

# Built with a sanitizer it can't be static.
if ! grep -qa __asan_init "$agent" && ! grep -qa __tsan_init "$agent"; then
    if command -v readelf >/dev/null; then
        ! readelf -l "$agent" | grep -q INTERP || wrong "the agent asks for a dynamic loader"
    fi
    if command -v ldd >/dev/null; then
        ldd "$agent" 2>&1 | grep -qi 'not a dynamic executable\|statically linked' || wrong "$(ldd "$agent")"
    fi
    # Alone in an empty root with only /proc and /sys' stand-ins there is nothing it could load.
    if [ "$(id -u)" = 0 ] && command -v chroot >/dev/null; then
        mkdir -p "$work/root/proc" && cp "$agent" "$work/root/agent" && echo quiet >"$work/root/proc/cmdline"
        chroot "$work/root" /agent collect -o /out.snap || wrong "it does not run in an empty root"
        tar --zstd -xOf "$work/root/out.snap" proc/cmdline | grep -qx quiet || wrong "nothing was read there"
        manifest "$work/root/out.snap" | grep -q '"there is no such program here"' || wrong "missing programs are not noted"
    fi
fi

# As we are.
"$agent" collect -o "$work/me.snap" || wrong "collect failed"
tar --zstd -tf "$work/me.snap" >"$work/list" || wrong "tar can't read the snapshot"
[ "$(head -n 1 "$work/list")" = manifest.json ] || wrong "the manifest is not first"
for path in proc/cmdline proc/meminfo proc/self/limits proc/sys/kernel/osrelease; do
    grep -qx "$path" "$work/list" || wrong "$path is not there"
done
tar --zstd -xOf "$work/me.snap" proc/sys/kernel/osrelease | grep -qx "$(uname -r)" || wrong "another kernel"
[ -z "$(sort "$work/list" | uniq -d)" ] || wrong "twice in the snapshot: $(sort "$work/list" | uniq -d)"
"$agent" collect -o - | cat >"$work/stdout.snap"
zstd -tq "$work/stdout.snap" || wrong "the snapshot on stdout is torn"

# As nobody: less, and it says so.
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    cp "$agent" "$work/agent"
    chmod 755 "$work/agent"
    (cd / && setpriv --reuid 65534 --regid 65534 --clear-groups "$work/agent" collect -o -) >"$work/nobody.snap" ||
        wrong "collect as nobody failed"
    manifest "$work/nobody.snap" >"$work/manifest"
    grep -q '"root": false' "$work/manifest" || wrong "the manifest takes nobody for root"
    if [ -e /sys/bus/pci/devices ] && [ -n "$(ls -A /sys/bus/pci/devices)" ]; then
        grep -q 'only the first 64 bytes without root' "$work/manifest" || wrong "the cut off config is not noted"
    fi
fi

# A program that hangs costs its time and no more; one that is wordy is cut; the rest is there.
mkdir "$work/bin"
printf '#!/bin/sh\necho half; sleep 100 & wait\n' >"$work/bin/nvidia-smi"
printf '#!/bin/sh\necho "no HCA" >&2; exit 1\n' >"$work/bin/ibstat"
printf '#!/bin/sh\nhead -c 40000000 /dev/zero\n' >"$work/bin/dmidecode"
printf '#!/bin/sh\necho "Architecture: here"\n' >"$work/bin/lscpu"
chmod +x "$work"/bin/*
start=$(date +%s)
PATH=$work/bin:$PATH "$agent" collect --commands-timeout 1 -o "$work/hang.snap" || wrong "collect with a hanging program failed"
[ $(($(date +%s) - start)) -lt 30 ] || wrong "a hanging program held it up"
manifest "$work/hang.snap" >"$work/manifest"
grep -A8 'cmd/nvidia-smi_-q.txt' "$work/manifest" | grep -q '"timeout"' || wrong "the hanging program is not noted"
grep -A4 'cmd/ibstat.txt' "$work/manifest" | grep -q 'exit status 1: no HCA' || wrong "what ibstat said is not noted"
grep -A3 'cmd/dmidecode.txt' "$work/manifest" | grep -q '"cut"' || wrong "the cut is not noted"
tar --zstd -tf "$work/hang.snap" | grep -q 'nvidia-smi' && wrong "half an output was kept"
tar --zstd -xOf "$work/hang.snap" cmd/lscpu.txt | grep -qx "Architecture: here" || wrong "lscpu is not there"
! pgrep -f "$work/bin/nvidia-smi" >/dev/null || wrong "the hanging program still runs"

# A kernel log that has lost the boot is replaced by the journal, if that has it.
rm -f "$work"/bin/*
printf '#!/bin/sh\necho "[9.0] late"\n' >"$work/bin/dmesg"
printf '#!/bin/sh\necho "[0.0] kernel: Linux version 6.1"\n' >"$work/bin/journalctl"
chmod +x "$work"/bin/*
PATH=$work/bin:$PATH "$agent" collect -o "$work/journal.snap" || wrong "collect with a journal failed"
tar --zstd -tf "$work/journal.snap" | grep -q cmd/dmesg && wrong "the log is there twice"
tar --zstd -xOf "$work/journal.snap" cmd/journalctl_-k_-b.txt | grep -q 'Linux version' || wrong "no journal"
printf '#!/bin/sh\necho "no journal files were found"\n' >"$work/bin/journalctl"
PATH=$work/bin:$PATH "$agent" collect -o "$work/journal.snap" || wrong "collect without a journal failed"
tar --zstd -xOf "$work/journal.snap" cmd/dmesg.txt | grep -q 'late' || wrong "the log is not there"

# Told to, it removes itself, but only out of a folder that was made for it.
mkdir "$work/.firstlight-abc" "$work/mine"
cp "$agent" "$work/.firstlight-abc/agent"
cp "$agent" "$work/mine/agent"
"$work/.firstlight-abc/agent" collect --no-commands --remove-self -o "$work/a.snap" || wrong "remove-self failed"
"$work/mine/agent" collect --no-commands --remove-self -o "$work/b.snap" || wrong "remove-self failed"
[ ! -e "$work/.firstlight-abc" ] || wrong "it did not remove itself"
[ -e "$work/mine/agent" ] || wrong "it removed what was not made for it"

# Trouble is a sentence and exit code 2.
"$agent" collect --root "$work/nothing" -o "$work/x.snap" 2>"$work/err"
[ $? = 2 ] && grep -q "nothing: No such file" "$work/err" || wrong "a missing root: $(cat "$work/err")"
"$agent" collect --no-commands -o "$work/nothing/x.snap" 2>"$work/err"
[ $? = 2 ] && grep -q "cannot write" "$work/err" || wrong "a missing folder: $(cat "$work/err")"
"$agent" collect --commands-timeout 0 2>"$work/err" >/dev/null
[ $? = 2 ] || wrong "a timeout of 0 was taken"
exit $failed
