from __future__ import annotations

from harness.facts.python.durable_operations import Operation
from harness.facts.python.module import module

SOURCE = b"""\
from aws_durable_execution_sdk_python import DurableContext, durable_execution, durable_step

@durable_step
def charge(step, order):
    return order.step("not of a context")

@durable_execution
def handler(event, context: DurableContext):
    context.step(charge(event))
    context.step(lambda _: 1, name="notify")
    context.step(lambda _: 1, "report")
    context.step(lambda _: 1, name=event["name"])
    context.wait(60, name="cool-down")
    context.map([1], lambda ctx, item, i, items: ctx.step(lambda _: item, name="each"), "all")
    context.logger.info("x")
    for rows in event:
        rows.map(1)
"""


def test_operations_have_the_names_that_the_history_has() -> None:
    assert module(SOURCE, (3, 13)).operations == (
        Operation("step", "charge", 9, always=True),
        Operation("step", "notify", 10, always=True),
        Operation("step", "report", 11, always=True),
        Operation("step", None, 12, always=True),
        Operation("wait", "cool-down", 13, always=True),
        Operation("map", "all", 14, always=True),
        Operation("step", "each", 14),
    )
    later = module(SOURCE.replace(b"    context.wait", b"    if event:\n        context.wait"), (3, 13)).operations
    assert [one.kind for one in later if not one.always] == ["wait", "step"]
    assert not module(SOURCE.replace(b"aws_durable", b"my_durable"), (3, 13)).operations
