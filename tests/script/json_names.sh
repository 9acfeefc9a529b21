#!/usr/bin/env bash
# ctest labels: threads
# The names in --json that are promised are there, with the promised types, in all three answers; more
# threads give the same answer.
set -eu
PATH=$PATH:/usr/sbin:/sbin command -v lspci >/dev/null || { echo "skipped: lspci is not there (pciutils)"; exit 77; }
bin=$FIRSTLIGHT_BIN
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"$bin/fleetgen" --model hgx-h100 --nodes 16 --seed 11 --bad 2 --mutation IOMMU_ON --pairs 40 \
    --only lspci,dmesg,ibstat --lean -o fleet
slow=$(paste -s -d , fleet/slow.txt)

answer() { # answer NAME COMMAND...: kept as NAME.json; exit code 1
    local name=$1 code=0
    shift
    "$bin/firstlight" "$@" -q --json --threads 4 fleet >"$name.json" || code=$?
    [ "$code" = 1 ] || { echo "WRONG: $*: exit $code"; exit 1; }
}
answer inspect inspect
answer compare compare
answer slow explain --slow "$slow"
answer metric explain --metric fleet/bw.csv
answer pairs explain --pairs fleet/pairs.csv
"$bin/firstlight" explain --metric fleet/bw.csv -q --json --threads 1 fleet >one_thread || [ $? = 1 ]
cmp one_thread metric.json || { echo "WRONG: one thread gives another answer than four"; exit 1; }
mkdir one
cp fleet/n001/lspci.txt one/ # one node: the strictest reader of what is missing
"$bin/firstlight" inspect -q --json one >one.json || [ $? = 1 ]
"$bin/fleetgen" --model hgx-h100 --nodes 3 --seed 11 --bad 1 --mutation IOMMU_ON --format bytes -o bytes
"$bin/firstlight" inspect -q --json bytes >bytes.json || [ $? = 1 ]

python3 - "$slow" <<'PYTHON'
import json, os, sys

LINE = {"source": str, "line": (int, type(None)), "text": str}
FIELD = {"role": str, "path": str, "values": list}
VALUE = {"value": str, "nodes": list}
ANSWER = {"nodes": list, "findings": list, "differences": list, "unknown": list}
NODE = {"name": str, "cohort": str, "sources": list}
FINDING = {"node": str, "rule": str, "severity": str, "title": str, "harm": str, "fix": list, "evidence": list}
DIFFERENCE = {"rank": int, "cause": (str, type(None)), "nodes": list, "fields": list, "score": (int, float)}
UNKNOWN = {"node": str, "what": str, "why": str}
CAUSE = {"cause": (str, type(None)), "p": (int, float), "nodes": list, "counter_examples": list}
failed = False


def wrong(text):
    global failed
    failed = True
    print("WRONG:", text)


def check(where, thing, names):
    for name, kind in names.items():
        if name not in thing:
            wrong(f"{where}: no '{name}' in {sorted(thing)}")
        elif not isinstance(thing[name], kind) or thing[name] == "":
            wrong(f"{where}: '{name}' is {thing[name]!r}")


def check_answer(name):
    answer = json.load(open(name + ".json"))
    check(name, answer, ANSWER)
    nodes = {node["name"] for node in answer["nodes"]}
    for node in answer["nodes"]:
        check(f"{name}: node", node, NODE)
    for finding in answer["findings"]:
        where = f"{name}: finding {finding.get('rule')}"
        check(where, finding, FINDING)
        if finding["node"] not in nodes:
            wrong(f"{where}: of node {finding['node']}, which is not among the nodes")
        if finding["severity"] not in ("fatal", "bandwidth", "latency", "reliability", "info"):
            wrong(f"{where}: severity {finding['severity']}")
        if not finding["evidence"]:
            wrong(f"{where}: without evidence")
        for line in finding["evidence"]:
            check(where, line, LINE)
            shown(where, line)
    ranks = [difference["rank"] for difference in answer["differences"]]
    if ranks != list(range(1, len(ranks) + 1)):
        wrong(f"{name}: ranks {ranks}")
    for difference in answer["differences"]:
        where = f"{name}: difference {difference['rank']}"
        check(where, difference, DIFFERENCE)
        if not difference["nodes"] or not set(difference["nodes"]) <= nodes:
            wrong(f"{where}: nodes {difference['nodes']}")
        if not difference["fields"]:
            wrong(f"{where}: no fields")
        for field in difference["fields"]:
            check(where, field, FIELD)
            if len(field["values"]) < 2:
                wrong(f"{where}: {field['path']} has {len(field['values'])} values")
            for value in field["values"]:
                check(where, value, VALUE)
    for unknown in answer["unknown"]:
        check(f"{name}: unknown", unknown, UNKNOWN)
    return answer


def shown(where, line):
    """The line is where the answer says it is, and says what the answer says it says; what is read from
    bytes has an offset instead; what no line says has neither."""
    if line["line"] is None and "offset" not in line:
        if not line["text"] or (line["source"] and not os.path.exists(line["source"])):
            wrong(f"{where}: {line}")
        return
    if line["line"] is None:
        if not 0 <= line["offset"] < os.path.getsize(line["source"]):
            wrong(f"{where}: {line['source']} has no offset {line['offset']}")
        return
    if os.path.islink(line["source"]):  # a link says where it leads
        lines = [os.readlink(line["source"])]
    else:
        lines = open(line["source"], encoding="utf-8", errors="replace").read().split("\n")
    if not 1 <= line["line"] <= len(lines) or line["text"].strip() not in lines[line["line"] - 1]:
        wrong(f"{where}: {line['source']}:{line['line']} does not say: {line['text']}")


inspect, compare, one = check_answer("inspect"), check_answer("compare"), check_answer("one")
if not any(line["line"] is None for finding in check_answer("bytes")["findings"] for line in finding["evidence"]):
    wrong("what is read from bytes has no offset")
if not inspect["findings"] or not compare["differences"] or not one["unknown"]:
    wrong("an answer without findings, differences or unknowns checks nothing")
if inspect["differences"]:
    wrong("inspect compares nothing")
for name in "slow", "metric", "pairs":
    answer = check_answer(name)
    check(name, answer, {"explanation": list, "likely": list, "unexplained": list, "confounders": list,
                         "test": dict})
    causes = answer.get("explanation", [])
    if not causes:
        wrong(f"{name}: no causes")
    for cause in causes + answer.get("likely", []):
        check(f"{name}: cause", cause, CAUSE)
        if not 0 <= cause["p"] <= 1:
            wrong(f"{name}: p is {cause['p']}")
    if causes and sorted(causes[0]["nodes"]) != sorted(sys.argv[1].split(",")):
        wrong(f"{name}: the first cause is {causes[0]['cause']} on {causes[0]['nodes']}")
sys.exit(failed)
PYTHON
