"""A loop that tells what it does by firstlight.py, saves when it is asked to, and leaves when it is asked to.

Usage: told.py FOLDER STEPS [dies]   (rank 1, once, when there is a checkpoint)
"""
import os
import sys
import time

import firstlight

folder, steps = sys.argv[1], int(sys.argv[2])
rank = int(os.environ["RANK"])


def save(step):
    firstlight.phase("checkpoint")
    path = os.path.join(folder, "step_%d" % step)
    if rank == 0:
        os.makedirs(path)
        open(os.path.join(path, "weights"), "w").close()
        firstlight.checkpoint_saved(path, step)
    print("saved step %d" % step, flush=True)


firstlight.phase("init")
resume = firstlight.resume_path()
first = int(resume.rsplit("_", 1)[1]) if resume else 0
print("from step %d" % first, flush=True)
for step in range(first + 1, steps + 1):
    time.sleep(0.01)
    firstlight.step(step, steps, loss=1 / step, tokens=100)
    stop = firstlight.should_stop()
    if stop or step == 20:
        save(step)
    if stop == firstlight.SAVE_AND_LEAVE:
        print("leaving", flush=True)
        break
    if rank == 1 and step == 30 and not resume and len(sys.argv) > 3:
        while not os.listdir(folder):
            time.sleep(0.01)
        raise RuntimeError("as the test wishes")
firstlight.phase("done")
