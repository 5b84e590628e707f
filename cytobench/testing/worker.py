"""The process that runs plugin code: ``python -m cytobench.testing.worker FOLDER``, started by ``process.py``.

It makes checks and errands one at a time, each asked for by a line of JSON on stdin and answered by one on stdout. What
plugins print goes to stderr.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from cytobench.errors import UserError, on_the_command_line
from cytobench.testing.checks import outcome, raised
from cytobench.testing.kinds import KINDS
from cytobench.testing.process import Process
from cytobench.testing.subject import Place, Subject
from cytobench.testing.target import Target
from cytobench.testing.watch import Away, watching


class Worker:
    """Subjects by target, each kept with what its checks have made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._away = Away(folder / "away")
        # It finds options, weights and data sets where the user is, before it goes away itself.
        self._elsewhere = Process(
            folder / "elsewhere", environment=self._away.environment, place=self._away.place
        )
        self._subjects: dict[str, Subject] = {}
        self._numbers = count()

    def serve(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request; a user's mistake in the options is ``mistake``."""
        target = Target(**request["target"])
        records = Path(request.get("records", self._folder))
        try:
            subject = self._subject(target, records)
        except UserError as error:
            return {"mistake": str(error)}
        except BaseException as error:
            return {"status": "failed", "detail": raised(error), "trace": ""}
        if "errand" in request:
            return self._errand(subject, request["errand"], request["arguments"])
        return self._check(subject, request["check"])

    def _subject(self, target: Target, records: Path) -> Subject:
        key = json.dumps(target.__dict__, sort_keys=True, default=str)
        if key not in self._subjects:
            folder = self._folder / f"{next(self._numbers):03d}-{target.kind}-{target.name}"
            place = Place(folder, records, self._away, self._elsewhere)
            subject = KINDS[target.kind].subject(target, place)
            self._away(subject.ready)
            self._subjects[key] = subject
        return self._subjects[key]

    def _check(self, subject: Subject, name: str) -> dict[str, Any]:
        check = KINDS[subject.target.kind].check(name)
        with watching(self._folder, subject.records) as watch:
            status, detail, trace = self._away(lambda: outcome(lambda: check.function(subject)))
        subject.strayed.changed += watch.changed
        subject.strayed.hosts += watch.hosts
        return {"status": status, "detail": detail, "trace": trace}

    def _errand(self, subject: Subject, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        function = KINDS[subject.target.kind].errands[name]
        try:
            return {"result": self._away(lambda: function(subject, **arguments))}
        except BaseException as error:
            return {"failed": raised(error)}


def main() -> None:
    """Serve until stdin ends."""
    # The pipes are kept away from plugins: they may print, and read what is not for them.
    with os.fdopen(os.dup(0), encoding="utf-8") as requests, os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        faulthandler.enable()
        worker = Worker(Path(sys.argv[1]))
        print("{}", file=replies, flush=True)  # ready
        for line in requests:
            request = json.loads(line)
            with on_the_command_line(request["command_line"]):
                reply = worker.serve(request)
            print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
