"""Tests of the handler: no server, no database, no settings. `python -m pytest tests`, in the example's folder."""

from flows.pizza import Order, pizza

from ncco_server import RunFailed, turn_of


def test_a_caller_hears_how_far_the_order_is() -> None:
    turn = turn_of(pizza, ["order", "12345", Order("in the oven", 20)], flows="flows")

    assert turn.said == ["Your order is in the oven. It takes 20 more minutes."]
    assert turn.waits_for == "kitchen"
    assert turn.ncco[1]["endpoint"][0]["number"] == "447700900111"


def test_the_order_is_looked_up_by_the_number_that_the_caller_enters() -> None:
    turn = turn_of(pizza, ["order", "12345"], flows="flows")

    assert (turn.waits_for, turn.arguments) == ("find_order", ("12345",))


def test_without_the_orders_the_kitchen_takes_the_call() -> None:
    turn = turn_of(pizza, ["order", "12345", RunFailed("no answer")], flows="flows")

    assert turn.said == ["I cannot look up your order right now. I connect you to the kitchen."]
