from __future__ import annotations

from typing import NoReturn

from cytobench.context import Context
from cytobench.contract import PluginConfig
from cytobench_fragile.ways import crash


class Fragile:
    def __init__(self, config: PluginConfig) -> None:
        pass

    def open(self, ctx: Context) -> NoReturn:
        crash(ctx)
        raise AssertionError("it is still here")
