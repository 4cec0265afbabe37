"""The process in which the fuzz tests read: with its memory limited, and watched for code that runs."""
import faulthandler
import json
import os
import resource
import sys
import traceback
from pathlib import Path

import torch

from tests.robustness import readers
from vscg.errors import VscgError

ROOM = 2 * 2**30      # bytes of address space beyond what is in use when all is imported
# What no reader has any need of; Python reports these before it does them.
FORBIDDEN = frozenset(
    "os.system os.exec os.posix_spawn os.spawn os.fork subprocess.Popen pickle.find_class socket.connect "
    "socket.getaddrinfo os.remove os.rename os.rmdir os.chmod shutil.rmtree".split())
watching: list[str] | None = None      # what happened while a reader was at work


def watch(event: str, arguments: tuple) -> None:
    if watching is not None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in FORBIDDEN or writes:
            watching.append(f"{event}{arguments}"[:300])


def memory(name: str) -> int:
    """VmRSS, VmHWM or VmSize of this process in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def read(reader: str, path: Path, options: dict, limit: int) -> dict:
    """The outcome of one case: read, refused, raised, unsafe or greedy."""
    global watching
    Path("/proc/self/clear_refs").write_text("5")      # the peak is measured from here
    before, watching, happened = memory("VmRSS"), [], []
    try:
        answer = {"outcome": "read", "result": getattr(readers, reader)(path, **options), "text": ""}
    except VscgError as error:
        answer = {"outcome": "refused", "text": str(error)}
    except BaseException:
        answer = {"outcome": "raised", "text": traceback.format_exc()[-3000:]}
    happened, watching = watching, None
    size = sum(file.stat().st_size for file in ([path] if path.is_file() else path.glob("*")) if file.is_file())
    grown = memory("VmHWM") - before
    if happened and not options.get("writes"):
        answer = {"outcome": "unsafe", "text": f"{happened}\n{answer['text']}"}
    elif grown > limit * 2**20 + 10 * size or "does not fit into memory" in answer["text"]:
        answer = {"outcome": "greedy", "text": f"took {grown:,} bytes for a file of {size:,}\n{answer['text']}"}
    elif answer["outcome"] == "refused" and len(answer["text"]) > 2000:
        answer = {"outcome": "raised", "text": f"an error of {len(answer['text'])} characters: {answer['text'][:500]}"}
    return answer


def main() -> None:
    faulthandler.enable()
    torch.set_num_threads(1)
    readers.warm_up()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    sys.addaudithook(watch)
    resource.setrlimit(resource.RLIMIT_AS, (memory("VmSize") + ROOM,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel.write("ready\n")
    for line in sys.stdin:
        reader, path, options, limit = json.loads(line)
        channel.write(json.dumps(read(reader, Path(path), options, limit)) + "\n")


if __name__ == "__main__":
    main()
