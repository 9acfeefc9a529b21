#!/usr/bin/env bash
# The install target puts programs, man pages and completions where they belong, below DESTDIR, and
# the programs run from there.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
build=$(dirname "$FIRSTLIGHT_BIN")
DESTDIR=$work/root cmake --install "$build" --prefix /opt/firstlight >"$work/log" || { cat "$work/log"; exit 1; }
cd "$work/root/opt/firstlight"
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
expected() {
    printf '%s\n' bin/firstlight bin/firstlight-agent bin/firstlight-train include/firstlight.h lib/libfirstlight.a \
        share/firstlight/firstlight.py
    (cd "$FIRSTLIGHT_SOURCE/man" && printf 'share/man/man1/%s\n' *.1)
    printf '%s\n' share/bash-completion/completions/firstlight share/fish/vendor_completions.d/firstlight.fish \
        share/zsh/site-functions/_firstlight
}
diff <(expected | sort) <(find . -type f -printf '%P\n' | sort) || wrong "other files than expected"
[ -z "$(find "$work/root" -mindepth 1 -maxdepth 1 ! -name opt)" ] || wrong "files outside the prefix"
[ -x bin/firstlight ] && [ -x bin/firstlight-agent ] && [ -x bin/firstlight-train ] || wrong "a program is not executable"
for program in firstlight firstlight-agent firstlight-train; do
    "bin/$program" --version | grep -q "^$program [0-9]" || wrong "$program does not run: $("bin/$program" --version)"
done
if command -v mandoc >/dev/null; then
    mandoc -T utf8 share/man/man1/firstlight.1 | grep -q FIRSTLIGHT || wrong "the man page is not one"
fi
bash -n share/bash-completion/completions/firstlight || wrong "the completion does not parse"
exit $failed
