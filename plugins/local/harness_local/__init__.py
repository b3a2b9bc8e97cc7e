"""Runs cells on this machine: a process each, forked from a server that has torch loaded."""

from harness import Register, hookimpl


@hookimpl
def register_executors(register: Register) -> None:
    register(
        "local", "harness_local.executor:Local", summary="this machine: a process per cell, slots on its GPUs or cores"
    )
