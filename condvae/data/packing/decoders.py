"""Processes that decode pictures.

Each is started with a command of its own. `multiprocessing` would import the user's script a second time, and PyTorch
with it.
"""

import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from condvae.data.listing import Pictures
from condvae.data.packing.decoding import Found, Plan, Refused, Span, decode
from condvae.errors import DataError


class Decoders:
    """Processes that decode the same pictures. With `count` of 0, this process decodes them itself."""

    def __init__(self, pictures: Pictures, count: int) -> None:
        self.pictures = pictures
        self.processes = [_start() for _ in range(count)]
        self.threads = ThreadPoolExecutor(max(1, count))
        self.content = pickle.dumps(pictures, pickle.HIGHEST_PROTOCOL) if count else b""
        self.has_pictures: set[int] = set()

    def __enter__(self) -> "Decoders":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.kill()
        self.threads.shutdown()
        for process in self.processes:
            with suppress(BrokenPipeError), process:  # closes its pipes, and waits for its end
                pass

    def run(self, plan: Plan, file: Path, spans: Iterator[Span]) -> Iterator[tuple[Span, Found]]:
        """Decode spans of pictures. They come back in the order in which they are done.

        Raises:
            OSError: rows cannot be written.
            DataError: a process ended, or the file that has the pictures is damaged.
        """
        if not self.processes:
            yield from self._run_here(plan, file, spans)
            return
        asked = {}
        free = list(range(len(self.processes)))
        while True:
            for number, span in zip(list(free), spans, strict=False):
                asked[self.threads.submit(self._ask, number, plan, file, span)] = number, span
                free.remove(number)
            if not asked:
                return
            for future in wait(asked, return_when=FIRST_COMPLETED).done:
                number, span = asked.pop(future)
                free.append(number)
                yield span, future.result()

    def _run_here(self, plan: Plan, file: Path, spans: Iterator[Span]) -> Iterator[tuple[Span, Found]]:
        for span in spans:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = decode(self.pictures, plan, file, span)
            yield span, found

    def _ask(self, number: int, plan: Plan, file: Path, span: Span) -> Found:
        process = self.processes[number]
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if number not in self.has_pictures:
                self.has_pictures.add(number)
                process.stdin.write(self.content)
            pickle.dump((plan, file, span), process.stdin)
            process.stdin.flush()
            answer = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            raise DataError(
                f"The process that decoded '{self.pictures.name(span.start)}' to "
                f"'{self.pictures.name(span.stop - 1)}' ended with exit status {process.wait()}. It may have run out "
                "of memory. Run the command again, and it continues from there. If it ends again, one of these "
                "pictures is the cause: remove it."
            ) from error
        if isinstance(answer, DataError):
            raise answer
        if isinstance(answer, Refused):
            raise OSError(*answer)
        return answer


def cpus() -> int:
    """The number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> subprocess.Popen[bytes]:
    """A process that serves. It finds modules where this process finds them, and hears no Ctrl-C of the terminal."""
    code = f"import sys; sys.path[:] = {sys.path!a}; from condvae.data.packing.decoding import serve; serve()"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
