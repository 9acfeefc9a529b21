"""Reads `firstlight events --json RUN` and says where the events of a run contradict each other.

    events_check.py [--ended] [--attempts N]

Exit code 0: they fit. With --ended the run must have ended; with --attempts it must have had so many.
"""

import argparse
import collections
import json
import sys


class Attempt:
    def __init__(self, world):
        self.world = world
        self.started = {}  # node: how many ranks
        self.over = set()  # nodes that are empty or lost
        self.exits = {}  # rank: status
        self.ended = None


def check(events):
    wrong = []
    attempts = {}
    generation = 0
    for number, event in enumerate(events, 1):
        kind, fields, attempt, node = event["kind"], event["fields"], event["attempt"], event.get("node")

        def complain(text):
            wrong.append(f"event {event['seq']} ({kind}, attempt {attempt}): {text}")

        if event["seq"] != number:
            complain(f"is the {number}th")
            break
        if number > 1 and events[number - 2]["kind"] == "run.ended":
            complain("comes after the run's end")
        if kind == "controller.started":
            if fields["generation"] <= generation:
                complain(f"generation {fields['generation']} follows {generation}")
            generation = fields["generation"]
        elif kind == "attempt.begun":
            if attempt != len(attempts) + 1:
                complain(f"{len(attempts)} have begun")
            before = attempts.get(attempt - 1)
            if before and before.ended is None:
                complain("the one before has not ended")
            if before and set(before.started) - before.over:
                complain(f"nodes of the one before still live: {set(before.started) - before.over}")
            attempts[attempt] = Attempt(fields["world"])
        elif kind.startswith("checkpoint.") and attempt == len(attempts) + 1:
            pass  # of the attempt that is about to begin
        elif attempt and attempt not in attempts:
            complain("no such attempt has begun")
        elif kind == "ranks.started":
            if node in attempts[attempt].started:
                complain(f"node {node} starts its ranks twice")
            attempts[attempt].started[node] = fields["count"]
        elif kind == "rank.exited":
            it = attempts[attempt]
            if node not in it.started:
                complain(f"rank {event['rank']} exits and node {node} has started none")
            if event["rank"] in it.exits:
                complain(f"rank {event['rank']} exits twice")
            if event["rank"] >= it.world:
                complain(f"rank {event['rank']} of a world of {it.world}")
            if node in it.over:
                complain(f"rank {event['rank']} exits on node {node}, which is empty")
            it.exits[event["rank"]] = fields["status"]
        elif kind in ("node.empty", "node.lost") and attempt:
            attempts[attempt].over.add(node)
        elif kind == "attempt.ended":
            it = attempts[attempt]
            if it.ended is not None:
                complain("it ends twice")
            it.ended = fields["how"]
            if it.ended == 0 and collections.Counter(it.exits.values()) != {0: it.world}:
                complain(f"ended well, and its ranks exited with {it.exits}")
            if set(it.started) - it.over:
                complain(f"nodes still live: {set(it.started) - it.over}")
    return wrong, attempts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ended", action="store_true")
    parser.add_argument("--attempts", type=int)
    args = parser.parse_args()
    events = [json.loads(line) for line in sys.stdin]
    wrong, attempts = check(events)
    if not events:
        wrong.append("there are no events")
    elif args.ended and events[-1]["kind"] != "run.ended":
        wrong.append(f"the last event is {events[-1]['kind']}")
    if args.attempts is not None and len(attempts) != args.attempts:
        wrong.append(f"{len(attempts)} attempts, not {args.attempts}")
    for text in wrong:
        print("events:", text)
    return 1 if wrong else 0


sys.exit(main())
