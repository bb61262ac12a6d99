"""Execute one notebook in a process of its own: `python -m tools.worker`, started by `execute`.

Standard input carries one JSON line that says what to do and then stays open: when it
closes, the build has ended for whatever reason, and the worker stops its kernel and leaves.
Standard output carries one JSON line per event.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any, TextIO

import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError


def run(job: dict[str, Any], events: TextIO) -> bool:
    """Execute the notebook of a job, report cells as they start and finish, tell if all ran."""

    def report(event: str, **details: Any) -> None:
        events.write(json.dumps({"event": event, **details}) + "\n")
        events.flush()

    def started(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            report("started", cell=cell.id)

    def finished(cell: Any, cell_index: int, execute_reply: Any) -> None:
        report("finished", cell=cell.id)

    try:
        papermill.execute_notebook(
            job["source"],
            job["output"],
            parameters=job["parameters"],
            cwd=job["folder"],
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,
            start_timeout=180,
            execution_timeout=job["cell_timeout"],
            shutdown_kernel="immediate",
            on_cell_start=started,
            on_cell_executed=finished,
        )
    except papermill.PapermillExecutionError as error:
        report("failed", reason=f"{error.ename}: {error.evalue}", traceback=str(error).strip())
    except CellTimeoutError:
        report("failed", reason=f"the cell ran longer than {job['cell_timeout']} s")
    except DeadKernelError:
        report("failed", reason="the kernel died while the cell ran")
    else:
        return True
    return False


def main() -> int:
    """Run the job that arrives on standard input; return the exit status."""
    # The kernel inherits this process' standard output; events keep a channel of their own.
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())

    def leave(signum: int, frame: Any) -> None:
        raise SystemExit(f"stopped by signal {signum}")

    def watch() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=watch, daemon=True).start()
    return 0 if run(job, events) else 1


if __name__ == "__main__":
    sys.exit(main())
