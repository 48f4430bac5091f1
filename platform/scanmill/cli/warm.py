"""`scanmill warm`: compile the kernels once, so that no worker and no demo waits for the compiler."""

from __future__ import annotations

import time

from scanmill.cli.shell import AsJson, print_json, say


def warm(as_json: AsJson = False) -> None:
    """Compile every kernel into this machine's cache, in this one process; a second time it takes a few seconds.

    Example: [bold]scanmill warm[/bold]
    """
    from scanmill.engine.kernel_cache import use_kernel_cache, warm_kernels

    started = time.perf_counter()
    use_kernel_cache()
    names = warm_kernels("cpu")
    seconds = time.perf_counter() - started
    if as_json:
        print_json({"kernels": names, "seconds": seconds})
    else:
        say(f"{len(names)} kernels ready after {seconds:.1f} s")
