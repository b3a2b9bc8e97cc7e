"""The environment and the command line."""

from __future__ import annotations

from tests.faults.making import (
    ONE,
    RUN,
    file_in_the_way,
    full_disk,
    no_privilege,
    read_only,
    suite,
    without,
)
from tests.faults.meeting import Fault

ENVIRONMENT = (
    Fault("a device that is none", "--device is auto, cpu, cuda or cuda:N", suite(), (*RUN, "--device", "gpu")),
    Fault("a GPU whose number is none", "not 'cuda:²'", suite(), (*RUN, "--device", "cuda:²")),
    Fault(
        "a GPU that is not there",
        "there is no such GPU on this machine",
        suite(),
        (*RUN, "--device", "cuda:7"),
        env={"CUDA_VISIBLE_DEVICES": ""},
    ),
    Fault("no threads", "--threads must be more than 0", suite(), (*RUN, "--threads", "0")),
    Fault("a selection of nothing", "Did you mean 'idle'?", suite(), (*RUN, "--only", "method=idel")),
    Fault("a kind of component that there is not", "Did you mean 'method'?", suite(), ("list", "metod")),
    Fault(
        "a file where the results should go",
        "Not a directory",
        lambda folder: (suite()(folder), (folder / "results").touch()),
        RUN,
    ),
    Fault("a results folder that cannot be written", "Permission denied", read_only, RUN, limit=no_privilege),
    Fault(
        "a temporary folder without sockets",
        "set TMPDIR to a folder on a disk of this machine",
        suite(base=ONE),
        RUN,
        env={"TMPDIR": "/tmp"},
        limit=without("bind"),
    ),
    Fault("a full disk", "File too large", suite(base=ONE), RUN, limit=full_disk),
    Fault(
        "a file where the cache should be",
        "cache/image_folder: Not a directory",
        file_in_the_way,
        RUN,
        env={"HARNESS_CACHE": "FOLDER/cache"},
    ),
    Fault(
        "a path too long",
        "File name too long",
        suite(base=ONE),
        ("run", "suite.yaml", "--results", "x" * 300),
    ),
)
