"""The real machine, and the child processes for calls that may crash or hang."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from dataclasses import replace
from pathlib import Path

from edge_cls.doctor.machine import Outcome, numbers, this_machine
from edge_cls.doctor.pins import check_pin_libraries
from edge_cls.doctor.report import Level, Needs
from edge_cls.doctor.scan import CHECKS
from edge_cls.doctor.software import check_invoke, check_opencv

PATIENCE = 30.0


def test_every_check_runs_on_this_machine() -> None:
    here = this_machine()
    assert here.version("numpy")
    assert here.version("no-such-distribution") is None
    assert here.importable("numpy")
    assert not here.importable("no_such_module")
    assert not here.importable("no_such_module.part")
    assert here.clock_off() in (True, False, None)
    for check in CHECKS:
        check(replace(here, run=lambda _: Outcome(1, "", "")), Needs())


def test_the_interpreter_and_opencv_really_run() -> None:
    here = this_machine()
    assert check_invoke(here, Needs()).level is Level.OK
    assert check_opencv(here, Needs()).level is Level.OK


def test_the_output_and_the_status_of_a_child_are_returned() -> None:
    run = this_machine().python_child
    assert run("print('yes')") == Outcome(0, "yes", "")
    failed = run("import no_such_module")
    assert failed.status == 1
    assert failed.last_line == "ModuleNotFoundError: No module named 'no_such_module'"
    assert run("import os; os.kill(os.getpid(), 11)").status == -11
    assert this_machine().run(["/no/such/program"]).status == 127


def test_a_child_works_in_a_temporary_folder() -> None:
    """`import lgpio` creates a pipe in the working directory, or in LG_WD."""
    before = sorted(Path.cwd().iterdir())
    code = "import os; os.mkfifo('pipe'); os.mkfifo(os.environ['LG_WD'] + '/other'); print(os.getcwd())"
    folder = this_machine().python_child(code)
    assert folder.status == 0
    assert not Path(folder.output).exists()
    assert sorted(Path.cwd().iterdir()) == before


def test_a_child_that_hangs_is_killed_with_its_own_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 1000 & echo $$ $! > {pids}; echo half a line >&2; wait"
    assert this_machine(limit_s=1.0).run(("sh", "-c", script)).status is None
    for pid in map(int, pids.read_text().split()):
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            ended, _, _ = select.select([process], [], [], PATIENCE)
            os.close(process)
            assert ended
    assert Outcome(None, "", "half a line").last_line == "no answer"


def test_only_the_leading_numbers_of_a_version_count() -> None:
    assert numbers("2.14.0") == (2, 14, 0)
    assert numbers("2.5.0.post1") == (2, 5, 0)
    assert numbers("0.0.0.2") < (0, 2)
    assert numbers("") == ()


def test_the_libraries_of_the_pins_are_imported_in_a_child(tmp_path: Path) -> None:
    """The import of lgpio opens files, and may fail."""
    here = replace(this_machine(), importable=lambda _: True, version=lambda _: "1.0", root=tmp_path)
    check_pin_libraries(here, Needs(gpio=True))
    assert "lgpio" not in sys.modules
    assert os.environ.get("LG_WD") is None
