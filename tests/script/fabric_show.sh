#!/usr/bin/env bash
# `firstlight fabric show`: results from files and from the store, in words, as JSON, CSV and HTML; compared
# with older ones; exit codes; and one sentence for what it can't read.
set -u
bin=$FIRSTLIGHT_BIN/firstlight
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
make() { python3 "$FIRSTLIGHT_SOURCE/tests/support/fabric_results.py" "$@"; }
failed=0
wrong() { echo "WRONG: $*"; failed=1; }
says() { # CODE WORDS... -- ARGS...: `fabric show ARGS` exits so and says each of the words
    local code=$1 words=() got
    shift
    while [ "$1" != -- ]; do words+=("$1"); shift; done
    shift
    "$bin" fabric show "$@" >out 2>err
    got=$?
    [ "$got" = "$code" ] || wrong "fabric show $*: exit $got, not $code: $(head -c 300 err)"
    for word in "${words[@]}"; do
        grep -qF -- "$word" out err || wrong "fabric show $* does not say '$word': $(head -c 2000 out err)"
    done
}
refuses() { # SENTENCE ARGS...: exit 2, one line, this sentence
    local sentence=$1
    shift
    "$bin" fabric show "$@" >out 2>err
    [ $? = 2 ] || wrong "not exit code 2: $*"
    [ "$(cat err)" = "firstlight fabric show: $sentence" ] || wrong "$* said: $(cat err)"
    [ ! -s out ] || wrong "$* printed an answer too"
}
cd "$work" || exit 1

make well.json id=fabric-older began=1763000000
make slow.json seed=2 slow=n003:0.4 memory=n005:0.5
make link.json seed=3 link=n002-n007:0.5 id=fabric-cable began=1764100000
make leaf.json seed=4 nodes=24 groups=6 leaf=leaf2:0.5

# In words.
says 0 '12 nodes, 66 pairs in 1 min 35 s: all well' 'fabric-older, 2025-11-13 02:13 UTC, quick: pairs, memory' \
    'over rc_mlx5/mlx5_0:1 (528 measures)' -- ./well.json
says 1 '12 nodes, 66 pairs in 1 min 35 s: 2 suspects' ' 1 node  n003: 60 % slower  pair.bandwidth' \
    'n005: 5' '% slower  memory.read' 'firstlight explain --fabric fabric-bcdfg PATH ... names the setting' \
    '< n003' 'receive slowly: n003' -- slow.json
grep -Eq '^n003 [34] [34] \\ ([34] ){9}< n003$' out || wrong "the slow row is not seen: $(grep ^n003 out)"
grep -Eq '^n001 \\ \. [34] (\. ){9}$' out || wrong "the slow column is not seen: $(grep ^n001 out)"
says 1 'n002 to n007: 5' "no node's setting" -- link.json
says 1 'leaf2 (6 nodes): 50 % slower' "no node's setting: look at the switch they share" -- leaf.json
says 1 '1 suspect by memory.read' 'between' -- slow.json --metric memory.read
says 0 'all well by pair.latency.p50' -- slow.json --metric pair.latency.p50
says 1 'few pairs at once' 'all pairs at once' -- slow.json --verbose

# As JSON that is read again, and as a table.
says 1 -- slow.json --json
cp out again.json
says 1 'n003: 60 % slower' -- again.json
python3 - <<'PYTHON' || failed=1
import json
answer = json.load(open("again.json"))
first = answer["suspects"][0]
assert first["kind"] == "node" and first["nodes"] == ["n003"] and first["metric"] == "pair.bandwidth", first
assert first["low"] <= first["value"] <= first["high"] < first["typical"] and first["confidence"] > 0.9, first
assert answer["headline"].endswith("2 suspects") and {l["metric"] for l in answer["levels"]} >= {"memory.read"}
PYTHON
says 1 -- slow.json --csv -
[ "$(head -1 out)" = test,metric,unit,phase,node,peer,part,via,bytes,value,low,high ] || wrong "the table begins $(head -1 out)"
[ "$(wc -l <out)" = 541 ] || wrong "the table has $(wc -l <out) lines"
says 1 '2 suspects' -- slow.json --csv table.csv
cmp -s out table.csv && wrong "--csv FILE printed the table"
[ "$(wc -l <table.csv)" = 541 ] || wrong "--csv FILE wrote $(wc -l <table.csv) lines"

# Against an older one.
says 1 'Since fabric-older, 2025-11-13 02:13 UTC' '2 got slower, 0 got faster (12 nodes in both, 0 gone, 0 new)' \
    'n003: pair.bandwidth from 11.8 GB/s to 4.7' 'n005: memory.read from ' -- slow.json --against well.json
says 0 'nothing changed beyond noise' -- well.json --against well.json
says 1 '1 got slower, 0 got faster' 'n005: memory.read from ' -- slow.json --against well.json --metric memory.read
says 0 'nothing changed beyond noise' -- slow.json --against well.json --metric pair.latency.p50
says 1 'n002 -> n007: pair.bandwidth from 11.' -- link.json --against ./well.json

# One page, whose texts stay texts and which asks for nothing.
printf '%s\n' n001 '<script>alert(1)</script>' 'n003"&' n004 n005 >names
make evil.json nodes=5 names=names slow='<script>alert(1)</script>:0.4'
says 1 -- evil.json --html page.html
python3 - <<'PYTHON' || failed=1
import html.parser
TAGS = {"html", "head", "meta", "title", "style", "body", "section", "h1", "h2", "h3", "p", "dl", "dt", "dd", "div", "span",
        "code", "table", "tr", "th", "td", "ul", "li", "b", "br", "svg", "rect", "text"}
class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.seen, self.count = [], "", {}
    def handle_starttag(self, tag, attributes):
        assert tag in TAGS, tag
        for name, value in attributes:
            assert name in ("class", "charset", "name", "content", "lang", "x", "y", "width", "height", "transform",
                            "text-anchor", "viewbox"), (name, value)
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in ("meta", "br"):
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()
    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag
    def handle_data(self, data):
        self.seen += data
text = open("page.html", encoding="utf-8").read()
page = Page()
page.feed(text)
page.close()
assert not page.open, page.open
assert "<script>alert(1)</script> to n001: 4." in page.seen, "the name was lost"
assert page.count["rect"] == 2 * (25 + 10), page.count
assert "url(" not in text and "@import" not in text and "http" not in text
PYTHON

# From the store.
refuses "there is no fabric test 'LAST': nothing was run yet in $work/state/firstlight"
make --store "$bin" "$work/state/firstlight" well.json slow.json link.json
says 1 'fabric-cable, ' 'n002 to n007' --
says 1 'fabric-cable, ' -- last
says 1 'fabric-bcdfg, ' 'n003: 60 % slower' -- fabric-b --against fabric-older
says 1 '2 got slower' -- fabric-b --against fabric-older
diff <("$bin" fabric show slow.json) <("$bin" fabric show fabric-bcdfg) || wrong "file and store tell different things"
"$bin" query "SELECT from_node, to_node, gb_per_s FROM pairs WHERE run = 'fabric-cable' AND phase = 'alone' AND gb_per_s < 7" >out ||
    wrong "query: exit $?"
grep -Eq '^n002 +n007 +5\.[0-9]+$' out || wrong "query says: $(cat out)"

# What can't be told.
refuses "there is no fabric test 'fabric-bcdfh'; the nearest: fabric-bcdfg, fabric-older, fabric-cable" fabric-bcdfh
refuses "'fabric-' is the beginning of 3 fabric tests: fabric-cable, fabric-bcdfg, fabric-older" fabric-
refuses "there is no metric 'pair.bandwith'; the nearest is pair.bandwidth (from one node to another)" --metric pair.bandwith slow.json
refuses "there is no metric 'memory'; the nearest is memory.read (all cores of a NUMA node read)" --metric memory slow.json
refuses "--html needs the name of a file" slow.json --html ''
echo '{"firstlight_fabric": 1, "nodes": []}' >nobody.json
refuses "nobody.json: no node in it" nobody.json
refuses "gpu.memory was not measured in this test" --metric gpu.memory slow.json
sed 's/"firstlight_fabric": 1/"firstlight_fabric": 2/' slow.json >newer.json
refuses "newer.json: written by a newer firstlight (file version 2, this one reads 1)" newer.json
head -c 20000 slow.json >torn.json
refuses "torn.json: the file is cut off at line 1" torn.json
echo '[1]' >other.json
refuses "other.json: not the result of a fabric test" other.json
sed 's/"metric": "memory.read"/"metric": "memory.reed"/' slow.json >word.json
"$bin" fabric show word.json >out 2>err
grep -qx "firstlight fabric show: word.json: line 1: measure: metric: there is no 'memory.reed'" err || wrong "word.json: $(cat err)"
refuses "./none.json: No such file or directory" ./none.json
make strangers.json nodes=3
sed -i 's/"n00/"m00/g' strangers.json
refuses "fabric-bcdfg against strangers.json: the two tests have no node in common" slow.json --against strangers.json
refuses "--json or --csv -, not both" slow.json --json --csv -
refuses "one test at a time, not 'well.json' too; --against compares two" slow.json well.json

many=()
for i in $(seq 256); do many+=(--ssh-opt=-v --slurm-opt=-v); done
refuses_run() { # SENTENCE ARGS...: as refuses, of `firstlight fabric` itself
    local sentence=$1
    shift
    "$bin" fabric "$@" >out 2>err
    [ $? = 2 ] && [ "$(cat err)" = "firstlight fabric: $sentence" ] || wrong "fabric: $(head -c 300 err)"
}
refuses_run "words for Slurm ('-v') without the backend slurm" --nodes 2 "${many[@]}"

# A test is a run, but none that could go on.
"$bin" fabric -q --nodes 2 --tests clock --json >out 2>err || wrong "two probes here: $(cat err)"
id=$(python3 -c 'import json; print(json.load(open("out"))["id"])')
"$bin" resume "$id" >out 2>err
[ $? = 2 ] && [ "$(cat err)" = "firstlight resume: $id is a fabric test, and can't go on; 'firstlight fabric show $id' tells what was measured" ] ||
    wrong "resume: $(cat err)"
exit $failed
