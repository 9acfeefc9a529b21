#!/usr/bin/env python3
"""A straightforward parser of `lspci -vvv`: what an engineer writes in an evening.

Reads files, keeps (device, capability, register) -> text, and prints the registers whose text is
not the same on all files. The peer of `firstlight inspect` (one file) and `compare` (many).
"""
import re
import sys

HEADER = re.compile(r"^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] ")
FLAG = re.compile(r"([A-Za-z0-9<>._/-]+?)([+-])(?=[ ,\t]|$)")


def parse(path):
    facts = {}
    device = capability = register = ""
    with open(path, errors="replace") as file:
        for line in file:
            line = line.rstrip("\n")
            if not line:
                continue
            if HEADER.match(line):
                device, rest = line.split(" ", 1)
                capability = register = ""
                facts[device, "", "header"] = rest
                continue
            depth = len(line) - len(line.lstrip("\t"))
            body = line.strip()
            if depth == 1 and body.startswith("Capabilities:"):
                capability = body.split("] ", 1)[-1]
                register = ""
                continue
            if depth == 1:
                capability = ""
            if ":" in body and depth <= 2:
                register, body = body.split(":", 1)
            flags = FLAG.findall(body)
            for name, sign in flags:
                facts[device, capability, register + "." + name] = sign
            if not flags:
                facts[device, capability, register] = body.strip()
    return facts


def main():
    every = [parse(path) for path in sys.argv[1:]]
    if len(every) == 1:
        print(len(every[0]), "facts")
        return
    keys = set().union(*every)
    different = sum(1 for key in keys if len({facts.get(key) for facts in every}) > 1)
    print(different, "of", len(keys), "facts differ")


main()
