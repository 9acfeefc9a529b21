#!/usr/bin/env bash
# The completion scripts are whole: quotes and brackets in the help of an option end nothing early.
set -eu
firstlight=$FIRSTLIGHT_BIN/firstlight

wrong() {
    echo "completion: $1" >&2
    exit 1
}

"$firstlight" completion bash | bash -n || wrong "bash does not read its script"
if command -v zsh >/dev/null; then
    "$firstlight" completion zsh | zsh -n || wrong "zsh does not read its script"
fi
"$firstlight" completion zsh | grep -F "'--hosts[Collect these hosts over ssh\\: n\\[001-512\\],login1]:value:_files'" \
    >/dev/null || wrong "zsh: --hosts is not escaped"
"$firstlight" completion fish | grep '^complete' | grep -vE "^complete -c firstlight (-n '[a-z _]+'|-n [a-z_]+) (-a [a-z]+|-l [a-z-]+)( -r)? -d '([^'\\\\]|\\\\.)*'\$" &&
    wrong "fish: the lines above are not whole"
for command in collect inspect compare explain rules completion version help; do
    "$firstlight" "$command" --help | grep -q "^Usage: firstlight $command" || wrong "$command --help"
done
