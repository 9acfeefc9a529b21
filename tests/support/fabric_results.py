"""Results of fabric tests for scripts: files as `fabric show --json` writes them, and a state folder
whose store has them.

    python3 fabric_results.py FILE.json KEY=VALUE ...
    python3 fabric_results.py --store FIRSTLIGHT FOLDER FILE.json ...

Keys: nodes (12), seed (1), id, began (seconds), groups (nodes a leaf), slow (n003:0.4,...: pairs of these
nodes), memory (likewise), link (n001-n004:0.5), leaf (leaf2:0.5), names (a file of names)."""

import json
import os
import random
import sqlite3
import subprocess
import sys


def shares(text):
    return {part.split(":")[0]: float(part.split(":")[1]) for part in text.split(",") if part}


def make(options):
    count, groups = int(options.get("nodes", 12)), int(options.get("groups", 0))
    rng = random.Random(int(options.get("seed", 1)))
    names = [f"n{i + 1:03d}" for i in range(count)]
    if "names" in options:
        names = open(options["names"]).read().split("\n")[:count]
    slow, memory = shares(options.get("slow", "")), shares(options.get("memory", ""))
    link, leaf = shares(options.get("link", "")), shares(options.get("leaf", ""))
    began = int(options.get("began", 1764000000))
    group = [f"leaf{i // groups + 1}" if groups else "" for i in range(count)]
    nodes, measures = [], []
    for i, name in enumerate(names):
        card = {"host": name, "ucx": "UCX 1.17.0 (rc_mlx5, tcp)", "has_ucx": True, "cpus": 64, "numa_nodes": 1,
                "devices": [{"kind": "rdma", "name": "mlx5_0:1", "up": True, "rate": 12.5e9, "numa": 0}]}
        nodes.append({"name": name, "group": group[i], "fate": "well", "words": "", "card": card})

    def add(metric, node, value, **more):
        value *= rng.gauss(1, 0.01)
        measures.append({"metric": metric, "node": node, "value": value, "low": value * 0.99, "high": value * 1.01, **more})

    for a, sender in enumerate(names):
        for b, receiver in enumerate(names):
            if a == b:
                continue
            share = min(slow.get(sender, 1), slow.get(receiver, 1)) * link.get(f"{sender}-{receiver}", 1)
            if group[a] != group[b]:
                share *= min(leaf.get(group[a], 1), leaf.get(group[b], 1))
            for phase in "together", "alone":
                more = {"peer": receiver, "phase": phase, "via": "rc_mlx5/mlx5_0:1"}
                add("pair.bandwidth", sender, 11.8e9 * share, bytes=1 << 20, **more)
                add("pair.latency.p50", sender, 3.2e-6, bytes=8, **more)
        add("memory.read", sender, 200e9 * memory.get(sender, 1), part="numa0", bytes=1 << 30)
    pairs = count * (count - 1) // 2
    return {"firstlight_fabric": 1, "id": options.get("id", "fabric-bcdfg"), "began_ns": began * 10**9,
            "ended_ns": (began + 95) * 10**9, "level": "quick", "tests": ["pairs", "memory"], "whole": True,
            "rounds": count - 1, "pairs_planned": pairs, "pairs_done": pairs, "nodes": nodes, "measures": measures,
            "troubles": []}


UNITS = {"pair.bandwidth": "B/s", "pair.latency.p50": "s", "memory.read": "B/s"}


def store(firstlight, folder, files):
    os.makedirs(folder, mode=0o700, exist_ok=True)
    schema = json.loads(subprocess.run([firstlight, "query", "--schema", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    db = sqlite3.connect(os.path.join(folder, "firstlight.db"))
    for item in schema:
        db.execute(item["sql"])
    db.execute(f"PRAGMA application_id={0x464c6731}")
    db.execute("PRAGMA user_version=2")
    words = {}

    def word(text):
        if text not in words:
            words[text] = len(words) + 1
            db.execute("INSERT INTO fabric_words VALUES(?, ?)", (words[text], text))
        return words[text]

    for number, path in enumerate(files, 1):
        result = json.load(open(path))
        db.execute("INSERT INTO fabric_tests VALUES(?, ?, ?, ?, ?, ?, 1, ?, ?, ?)",
                   (number, result["id"], result["level"], ",".join(result["tests"]), result["began_ns"], result["ended_ns"],
                    result["rounds"], result["pairs_planned"], result["pairs_done"]))
        at = {node["name"]: i for i, node in enumerate(result["nodes"])}
        for i, node in enumerate(result["nodes"]):
            db.execute("INSERT INTO fabric_nodes VALUES(?, ?, ?, ?, ?, ?, ?)",
                       (number, i, node["name"], node["group"], node["fate"], node["words"], json.dumps(node["card"])))
        for seq, m in enumerate(result["measures"], 1):
            db.execute("INSERT INTO fabric_measures VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       (number, seq, word(m["metric"]), word(UNITS[m["metric"]]), word(m.get("phase", "")), at[m["node"]],
                        at.get(m.get("peer")), m["bytes"], word(m.get("part", "")), word(m.get("via", "")), m["value"],
                        m["low"], m["high"]))
    db.commit()
    db.close()


if sys.argv[1] == "--store":
    store(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    with open(sys.argv[1], "w") as out:
        json.dump(make(dict(word.split("=", 1) for word in sys.argv[2:])), out)
