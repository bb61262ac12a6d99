"""Execute one notebook in a process of its own, started by `execute`.

The process comes from a server that has imported this module and the chapters' libraries once
for all of them. It forks its kernel itself, before it has threads. One connection carries an event
at a time to the build; when a word comes back, or the other end closes because the build has ended
for whatever reason, the worker stops its kernel and leaves.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from importlib.metadata import EntryPoint
from multiprocessing.connection import Connection
from typing import Any

import papermill
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner
from nbclient.exceptions import CellTimeoutError, DeadKernelError

#: Processes that start with everything imported, where they may: elsewhere each imports anew.
SERVED, FORKED = ("forkserver", "fork") if sys.platform == "linux" else ("spawn", "spawn")

#: What takes longest to import of that which chapters use.
LIBRARIES = ["tools.worker", "tensorflow", "matplotlib.pyplot", "scipy.signal", "scipy.stats"]


class Kernel:
    """A kernel's process, which waits to be told its connection, with Popen's methods."""

    stdin = stdout = stderr = None

    def __init__(self, events: Connection) -> None:
        context: Any = multiprocessing.get_context(FORKED)
        theirs, self._orders = context.Pipe(duplex=False)
        self._process = context.Process(target=_kernel, args=(theirs, events))
        self._process.start()
        self.pid = self._process.pid

    def start(self, arguments: list[str], environment: dict[str, str]) -> None:
        """Let it begin its work."""
        self._orders.send((arguments, environment))

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self) -> int | None:
        """Return its exit code when it has ended."""
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.pid is not None and self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()


class KernelProvisioner(LocalProvisioner):
    """Gives a notebook the kernel that is waiting."""

    waiting: Any

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Tell it its connection: the last words of the command."""
        self.process, self.pid, self.pgid = self.waiting, self.waiting.pid, self.waiting.pid
        self.waiting.start(cmd[cmd.index("-f") :], options["env"])
        return self.connection_info


def _kernel(orders: Connection, events: Connection) -> None:
    events.close()  # the build must see when the worker has gone
    os.setsid()  # what the kernel starts is stopped with it
    arguments, environment = orders.recv()
    os.environ.update(environment)
    # it ends when the worker does; what the environment says of that was read at import
    IPKernelApp.launch_instance([*arguments, f"--IPKernelApp.parent_handle={os.getppid()}"])


def run(job: dict[str, Any], events: Connection) -> None:
    """Execute the notebook of a job and report cells as they start and finish, or a failure."""

    def started(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            events.send({"event": "started", "cell": cell.id})

    def finished(cell: Any, cell_index: int, execute_reply: Any) -> None:
        events.send({"event": "finished", "cell": cell.id})

    def failed(reason: str, traceback: str | None = None) -> None:
        events.send({"event": "failed", "reason": reason, "traceback": traceback})
        sys.exit(1)

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
        failed(f"{error.ename}: {error.evalue}", str(error).strip())
    except CellTimeoutError:
        failed(f"the cell ran longer than {job['cell_timeout']} s")
    except DeadKernelError:
        failed("the kernel died while the cell ran")


def main(job: dict[str, Any], events: Connection) -> None:
    """Run a job in this process."""
    os.setsid()  # Ctrl-C reaches the build only, which stops the workers
    log = os.open(job["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    KernelProvisioner.waiting = Kernel(events)
    factory = KernelProvisionerFactory.instance()
    here = EntryPoint("waiting", f"{__name__}:{KernelProvisioner.__name__}", "")
    factory.provisioners["waiting"] = here
    factory.default_provisioner_name = "waiting"

    def leave(signum: int, frame: Any) -> None:
        raise SystemExit(f"stopped by signal {signum}")

    def watch() -> None:
        with suppress(EOFError):
            events.recv()
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=watch, daemon=True).start()
    run(job, events)
