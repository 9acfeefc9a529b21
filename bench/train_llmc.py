"""Steps of llm.c's CPU trainer, as bench/train.c prints its own.

    train_llmc.py FOLDER BATCH TIME THREADS STEPS

Runs train_gpt2_BATCHxTIME there, which is built with these two numbers in its main(), until STEPS steps after the first are
done. Prints "llm.c tokens TOKENS_A_SECOND" for each and "llm.c MiB PEAK"."""
import os
import re
import subprocess
import sys

folder, (batch, time, threads, steps) = sys.argv[1], map(int, sys.argv[2:6])
os.environ["OMP_NUM_THREADS"] = str(threads)
program = subprocess.Popen(["stdbuf", "-oL", f"./train_gpt2_{batch}x{time}"], cwd=folder, stdout=subprocess.PIPE, text=True)
done = -1
for line in program.stdout:
    took = re.match(r"step \d+: .*took ([0-9.]+) ms", line)
    if not took:
        continue
    done += 1
    if done:
        print(f"llm.c tokens {batch * time * 1000 / float(took[1]):.2f}", flush=True)
    if done == steps:
        break
with open(f"/proc/{program.pid}/status") as status:
    kib = int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])
    print(f"llm.c MiB {kib / 1024:.0f}")
program.kill()
program.wait()
