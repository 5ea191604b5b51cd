"""Luigi's own application. It answers the phone too: `uvicorn shop:app`."""

import os

from fastapi import FastAPI, HTTPException
from flows.pizza import Order, find_order, pizza

from ncco_server import ncco_router

app = FastAPI()
app.include_router(ncco_router(pizza, dev=os.environ.get("SHOP_ENV") == "dev"))


@app.get("/orders/{number}")
async def order(number: str) -> Order:
    """How far an order is."""
    found = await find_order(number)
    if found is None:
        raise HTTPException(404)
    return found
