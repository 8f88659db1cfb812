"""An app with a queue, as one would write it; the tests beside it run it. Serve it: `uvicorn shop:app`."""

from fastapi import FastAPI

from fleet_q import FleetQ, RetryPolicy

fq = FleetQ()  # FLEET_Q_URL, else sqlite:///fleet_q.db; connects when the app starts
app = FastAPI(lifespan=fq.lifespan)
app.include_router(fq.router(), prefix="/fleet-q")
sent: list[int] = []


@fq.task(retries=RetryPolicy(max_retries=2, base=60))
async def send_invoice(order_id: int) -> str:
    if order_id < 0:
        raise ValueError(f"there is no order {order_id}")
    sent.append(order_id)
    return f"invoice for order {order_id} sent"


@app.post("/orders/{order_id}", status_code=202)
async def create_order(order_id: int) -> dict[str, str]:
    handle = await send_invoice.using(tags=["orders"]).enqueue(order_id)
    return {"step_id": handle.id}
