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
    printf '%s\n' bin/firstlight bin/firstlight-agent bin/firstlight-probe bin/firstlight-train include/firstlight.h \
        lib/libfirstlight.a share/firstlight/firstlight.py
    (cd "$FIRSTLIGHT_SOURCE/man" && printf 'share/man/man1/%s\n' *.1)
    for program in firstlight firstlight-train; do
        printf 'share/%s\n' bash-completion/completions/$program fish/vendor_completions.d/$program.fish \
            zsh/site-functions/_$program
    done
}
diff <(expected | sort) <(find . -type f -printf '%P\n' | sort) || wrong "other files than expected"
[ -z "$(find "$work/root" -mindepth 1 -maxdepth 1 ! -name opt)" ] || wrong "files outside the prefix"
for program in firstlight firstlight-agent firstlight-probe firstlight-train; do
    [ -x "bin/$program" ] || wrong "$program is not executable"
    "bin/$program" --version | grep -q "^$program [0-9]" || wrong "$program does not run: $("bin/$program" --version)"
done
for program in firstlight firstlight-train; do
    if command -v mandoc >/dev/null; then
        mandoc -T utf8 share/man/man1/$program.1 | grep -q "${program^^}" || wrong "$program.1 is no man page"
    fi
    bash -n share/bash-completion/completions/$program || wrong "the completion of $program does not parse"
done
exit $failed
