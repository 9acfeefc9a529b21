"""An ordinary script for torchrun: DistributedDataParallel over gloo, checkpoints, nothing of firstlight's but
the name of the checkpoint that it begins from.

Usage: ddp.py STEPS FOLDER [MILLISECONDS A STEP]
"""
import os
import sys
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

SAVE_EVERY = 5


def batch(step, rank, world):
    """The same samples in a step whatever came before: a resumed run sees what an undisturbed one sees."""
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(64, 8, generator=generator)
    y = torch.sin(x.sum(dim=1, keepdim=True))
    return x[rank::world], y[rank::world]


def save(folder, step, model, optimizer):
    path = os.path.join(folder, "step_%d" % step)
    os.makedirs(path + ".tmp", exist_ok=True)
    torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()},
               os.path.join(path + ".tmp", "state.pt"))
    os.rename(path + ".tmp", path)


def main():
    steps, folder = int(sys.argv[1]), sys.argv[2]
    pause = float(sys.argv[3]) / 1000 if len(sys.argv) > 3 else 0
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    first = 0
    resume = os.environ.get("FIRSTLIGHT_RESUME")
    if resume:
        state = torch.load(os.path.join(resume, "state.pt"))
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    parallel = DistributedDataParallel(model)
    for step in range(first + 1, steps + 1):
        x, y = batch(step, rank, world)
        loss = torch.nn.functional.mse_loss(parallel(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        if rank == 0:
            print("step %d/%d loss %.6f" % (step, steps, mean.item() / world), flush=True)
            if step % SAVE_EVERY == 0:
                save(folder, step, model, optimizer)
        time.sleep(pause)
    dist.barrier()
    if rank == 0:
        print("trained to step %d" % steps, flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
