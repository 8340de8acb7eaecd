"""Promised times, watched by one timer."""

import asyncio

from relay.http.overdue import Overdue


async def test_who_is_late_is_called_for_once_and_who_is_done_never() -> None:
    late: list[str] = []
    struck = asyncio.Event()

    def call(one: str) -> None:
        late.append(one)
        struck.set()

    overdue = Overdue(call)
    now = asyncio.get_running_loop().time()
    overdue.watch("done", now + 0.01)
    overdue.watch("late", now + 0.02)
    overdue.done("done")
    overdue.done("done")
    await struck.wait()
    await asyncio.sleep(0.05)

    assert late == ["late"]


async def test_each_is_called_for_at_its_own_time_in_whatever_order_they_came() -> None:
    loop = asyncio.get_running_loop()
    called: dict[str, float] = {}
    all_called = asyncio.Event()

    def call(one: str) -> None:
        called[one] = loop.time()
        if len(called) == 3:
            all_called.set()

    overdue = Overdue(call)
    now = loop.time()
    until = {"middle": now + 0.1, "last": now + 0.2, "first": now + 0.02}
    for one, at in until.items():
        overdue.watch(one, at)
    await all_called.wait()

    assert list(called) == ["first", "middle", "last"]
    assert all(called[one] >= at for one, at in until.items())


async def test_many_who_wait_share_a_timer() -> None:
    loop = asyncio.get_running_loop()
    overdue: Overdue[int] = Overdue(lambda _one: None)
    set_at: list[float] = []
    call_at = loop.call_at

    def counting(when: float, *rest: object) -> asyncio.TimerHandle:
        set_at.append(when)
        return call_at(when, *rest)  # type: ignore[arg-type]  # passed on as it came

    loop.call_at = counting  # type: ignore[method-assign,assignment]  # this test's own loop
    for number in range(1000):
        overdue.watch(number, loop.time() + 60.0 + number)
        overdue.done(number)

    assert len(set_at) == 1
