# SPDX-License-Identifier: BSD-2-Clause
"""Runs jobs side by side, each in a separate process."""

import multiprocessing
import os
import signal
from multiprocessing.connection import wait

from .errors import SetupError
from .machine import die_with_parent
from .scenario import CPUS

FORK = multiprocessing.get_context("fork")


def carried(processors=None):
    """The number of guests for which the host has enough processors."""
    processors = processors or len(os.sched_getaffinity(0))
    return max(1, processors // CPUS)


def _child(work, job, pipe):
    die_with_parent(signal.SIGTERM)
    # Control-C signals all processes, and the parent then sends a SIGTERM.  That must be the only
    # signal to have an effect: a second one would interrupt the cleaning up.
    signal.signal(signal.SIGINT, lambda *_: None)
    try:
        work(job, pipe.send)
    except SetupError as error:
        pipe.send(error)


def side_by_side(jobs, width, work, hear):
    """Calls work(job, say) for each job, at most `width` at a time.

    A message that a job passes to say() is passed to hear(job, message) in the caller's process.
    For a job that cannot continue, that is a SetupError; the other jobs continue.
    """
    waiting, running = list(jobs), {}
    try:
        while waiting or running:
            while waiting and len(running) < width:
                job = waiting.pop(0)
                ours, theirs = FORK.Pipe(duplex=False)
                process = FORK.Process(target=_child, args=(work, job, theirs))
                process.start()
                theirs.close()  # otherwise there is no EOF when the job ends
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
