"""A peer: FastAPI and aiokafka as one writes them in an afternoon.

Each SMS is one record, and the sender is answered once all are acknowledged. Run by uvicorn, with uvloop and httptools
as the relay is; KAFKA and TOPIC say where the records go.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Sms(BaseModel):
    """One item of a webhook."""

    id: str
    status: str
    statusReason: str | None = None  # noqa: N815 - Sofy's own name
    body: str | None = None
    to: str | None = None
    createdAt: str | None = None  # noqa: N815 - Sofy's own name
    updatedAt: str | None = None  # noqa: N815 - Sofy's own name
    price: float | None = None
    parts: int | None = None


class Webhook(BaseModel):
    """A webhook as Sofy posts it."""

    type: str
    id: str
    data: list[Sms]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep one producer from start to end."""
    app.state.producer = AIOKafkaProducer(bootstrap_servers=os.environ["KAFKA"], acks="all")
    await app.state.producer.start()
    yield
    await app.state.producer.stop()


app = FastAPI(lifespan=lifespan)
TOPIC = os.environ.get("TOPIC", "")


@app.post("/hook")
async def hook(webhook: Webhook, request: Request) -> dict[str, int]:
    """Publish every SMS, and wait for Kafka."""
    send = request.app.state.producer.send_and_wait
    await asyncio.gather(*(send(TOPIC, sms.model_dump_json().encode(), key=sms.id.encode()) for sms in webhook.data))
    return {"accepted": len(webhook.data)}
