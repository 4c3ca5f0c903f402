# SPDX-License-Identifier: BSD-2-Clause
"""Runs jobs side by side, each in a process of its own."""

import multiprocessing
import os
import signal
from multiprocessing.connection import wait

from .errors import SetupError
from .machine import die_with_parent
from .scenario import CPUS

FORK = multiprocessing.get_context("fork")


def carried(processors=None):
    """How many guests the host's processors carry."""
    processors = processors or len(os.sched_getaffinity(0))
    return max(1, processors // CPUS)


def _child(work, job, pipe):
    die_with_parent(signal.SIGTERM)
    # Control-C comes to all of us, and the parent answers it with a SIGTERM, which must be the
    # only signal: a second one would interrupt the cleaning up.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        work(job, pipe.send)
    except SetupError as error:
        pipe.send(error)


def side_by_side(jobs, width, work, hear):
    """Calls work(job, say) for each job, at most `width` at a time.

    What a job passes to say() comes to hear(job, message) in the caller's process. A job that
    cannot go on is heard as a SetupError; the other jobs do go on.
    """
    waiting, running = list(jobs), {}
    try:
        while waiting or running:
            while waiting and len(running) < width:
                job = waiting.pop(0)
                ours, theirs = FORK.Pipe(duplex=False)
                process = FORK.Process(target=_child, args=(work, job, theirs))
                process.start()
                theirs.close()  # else it would not read as ended
                running[ours] = job, process
            for pipe in wait(list(running)):
                job, process = running[pipe]
                try:
                    hear(job, pipe.recv())
                except EOFError:
                    pipe.close()
                    process.join()
                    del running[pipe]
                    if process.exitcode:
                        hear(job, SetupError(f"its process ended with {process.exitcode}"))
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()
