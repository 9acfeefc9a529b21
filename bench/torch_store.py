# PyTorch's own TCPStore server, for storeload: prints its port, ends with its stdin.
import socket, sys
from torch.distributed import TCPStore

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
store = TCPStore("127.0.0.1", port, None, True, wait_for_workers=False)
print(port, flush=True)
sys.stdin.read()
