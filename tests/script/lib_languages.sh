#!/usr/bin/env bash
# libfirstlight in the languages that it promises: C99 without extensions, C++11, Python 3.6; and the
# two files alone, copied into somebody's program.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$FIRSTLIGHT_SOURCE"/lib/firstlight.[ch] "$work"
cd "$work"
cat >program.c <<'END'
#include "firstlight.h"
int main(void)
{
    firstlight_step(1, 2, FIRSTLIGHT_NO_LOSS, -1);
    firstlight_phase(FIRSTLIGHT_DONE);
    return firstlight_init() || firstlight_should_stop() != FIRSTLIGHT_GO_ON || firstlight_resume_path();
}
END
cp program.c program.cpp
tried=0
unset FIRSTLIGHT_PAGE FIRSTLIGHT_RESUME
for cc in gcc clang; do
    command -v $cc >/dev/null || continue
    $cc -std=c99 -pedantic -Wall -Wextra -Werror program.c firstlight.c -o program
    ./program || { echo "WRONG: the program of $cc -std=c99"; exit 1; }
    tried=$((tried + 1))
done
for cxx in g++ clang++; do
    # clang++ may be there without a C++ library; the header needs none, only stdint.h.
    command -v $cxx >/dev/null || continue
    $cxx -std=c++11 -pedantic -Wall -Wextra -Werror -c program.cpp -o program.o
    tried=$((tried + 1))
done
if command -v python3 >/dev/null; then
    python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 6))' \
        "$FIRSTLIGHT_SOURCE/lib/firstlight.py"
    tried=$((tried + 1))
fi
[ $tried -gt 0 ] || { echo "skipped: no compiler and no python3"; exit 77; }
