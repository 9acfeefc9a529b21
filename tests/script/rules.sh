#!/usr/bin/env bash
# `firstlight rules` lists the whole catalogue of 128 numbers, and `rules show` explains every one.
set -eu
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0
wrong() { echo "WRONG: $*"; failed=1; }

"$bin" rules >list
numbers=$(awk '{print $1}' list | sort -nu)
[ "$(head -128 <<<"$numbers")" = "$(seq 128)" ] || wrong "missing numbers: $(comm -23 <(seq 128 | sort) <(sort <<<"$numbers") | tr '\n' ' ')"
[ -z "$(awk '{print $3}' list | sort | uniq -d)" ] || wrong "two rules of one name"
awk '$2 !~ /^(fatal|bandwidth|latency|reliability|info)$/ || $3 !~ /^[A-Z][A-Z0-9_]+$/ || NF < 4' list >odd
[ ! -s odd ] || wrong "odd lines: $(cat odd)"

"$bin" rules show ACS_REDIRECT_ON_P2P_PATH >one
for words in 'rule 1)' 'severity  fatal; a BIOS option does this' 'bad       ReqRedir+ CmpltRedir+' \
    '103 to 50 GB/s' 'nccl#304' 'BIOS (AMI, Supermicro): ACS Enable = Disabled' 'run time: .*setpci' 'judged    under bare-metal'; do
    grep -q -- "$words" one || wrong "rules show does not say: $words"
done

# Every rule says what it looks at, what harm it does and what it rests on.
"$bin" rules show $(awk '{print $3}' list) >all
for label in severity 'looks at' harm 'rests on' judged; do
    [ "$(grep -c "^$label" all)" = "$(wc -l <list)" ] || wrong "$(grep -c "^$label" all) of $(wc -l <list) rules have '$label'"
done
for policy in bare-metal vm-ats gb200; do
    "$bin" rules --policy $policy >$policy
    [ -s $policy ] || wrong "no rules under $policy"
done
grep -q ACS_CLEARED_WITH_ATS vm-ats && ! grep -q ACS_CLEARED_WITH_ATS bare-metal || wrong "policies do not choose rules"
"$bin" rules show relaxed_ordering_off | grep -q '^RELAXED_ORDERING_OFF' || wrong "small letters are not understood"
"$bin" rules show RELAXED 2>&1 | grep -qF "with that in their names: RELAXED_ORDERING_OFF" || wrong "near names are not told"
"$bin" rules --json | python3 -c "
import json, sys
rules = json.load(sys.stdin)
assert len({rule['number'] for rule in rules}) >= 128, len(rules)
assert len(rules) == $(wc -l <list)
" || failed=1
exit $failed
