"""The endpoints of veris-chat as a FastAPI server, to measure against: `server.py boto3` or `server.py aioboto3`.

Written as such servers are, and to its advantage where that costs nothing: uvloop, httptools, no access log, as many threads and
connections as there are streams. Conversations are real turns, in memory.
"""

import json
import os
import socket
import sys
import time
import uuid
from collections import defaultdict

import anyio.to_thread
import uvicorn
from botocore.config import Config
from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

MODEL = "us.anthropic.claude-opus-4-5-20251101-v1:0"
MOST_STREAMS = 1000
CLIENT = {
    "region_name": "us-east-1",
    "endpoint_url": os.environ["BEDROCK"],
    "aws_access_key_id": "AKIABENCH",
    "aws_secret_access_key": "bench",
    "config": Config(max_pool_connections=MOST_STREAMS, retries={"max_attempts": 0}),
}

app = FastAPI()
sessions = defaultdict(list)


class ChatRequest(BaseModel):
    session_id: str
    message: str
    document_urls: list[str] = []


def call(request):
    message = {"role": "user", "content": [{"text": request.message}]}
    return {
        "modelId": MODEL,
        "messages": sessions[request.session_id] + [message],
        "system": [{"text": "You are a helpful research assistant. Answer clearly and precisely."}],
        "inferenceConfig": {"maxTokens": 4096},
    }


def keep(request, answer):
    sessions[request.session_id] += [
        {"role": "user", "content": [{"text": request.message}]},
        {"role": "assistant", "content": [{"text": answer}]},
    ]


class Answer:
    """Turns what Bedrock sends into the events of the contract."""

    def __init__(self, request):
        self.request, self.began, self.text = request, time.time(), ""
        self.head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": "chat.completion.chunk",
            "created": int(self.began),
            "model": MODEL,
        }
        self.finish, self.usage = None, None

    def status(self):
        return data({"object": "chat.status", "status": "generating", "message": "the model is answering"})

    def event(self, event):
        if "contentBlockDelta" in event:
            text = event["contentBlockDelta"]["delta"]["text"]
            self.text += text
            return data(self.head | {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        if "messageStop" in event:
            self.finish = event["messageStop"]["stopReason"]
        if "metadata" in event:
            self.usage = event["metadata"]["usage"]
        return None

    def end(self):
        keep(self.request, self.text)
        choices = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
        return data(self.head | {"choices": choices} | self.facts()) + "data: [DONE]\n\n"

    def document(self):
        keep(self.request, self.text)
        message = {"role": "assistant", "content": self.text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return self.head | {"object": "chat.completion", "choices": choices} | self.facts()

    def facts(self):
        return {"citations": [], "sources": [], "timing": {"total": time.time() - self.began}, "usage": self.usage}


def data(value):
    return f"data: {json.dumps(value)}\n\n"


def in_threads():
    import boto3

    client = boto3.client("bedrock-runtime", **CLIENT)

    # Not `async`: Starlette takes each of its steps in a thread of the pool, so no stream holds up another.
    def stream(request):
        answer = Answer(request)
        yield answer.status()
        for event in client.converse_stream(**call(request))["stream"]:
            if piece := answer.event(event):
                yield piece
        yield answer.end()

    @app.post("/chat/stream/")
    async def chat_stream(request: ChatRequest):
        anyio.to_thread.current_default_thread_limiter().total_tokens = MOST_STREAMS
        return StreamingResponse(stream(request), media_type="text/event-stream")

    @app.post("/chat/")
    def chat(request: ChatRequest):
        answer = Answer(request)
        for event in client.converse_stream(**call(request))["stream"]:
            answer.event(event)
        return answer.document()


def in_the_loop():
    import aioboto3

    clients = {}

    async def events(request):
        if not clients:
            opening = aioboto3.Session().client("bedrock-runtime", **CLIENT)
            clients["bedrock"] = await opening.__aenter__()
        response = await clients["bedrock"].converse_stream(**call(request))
        async for event in response["stream"]:
            yield event

    async def stream(request):
        answer = Answer(request)
        yield answer.status()
        async for event in events(request):
            if piece := answer.event(event):
                yield piece
        yield answer.end()

    @app.post("/chat/stream/")
    async def chat_stream(request: ChatRequest):
        return StreamingResponse(stream(request), media_type="text/event-stream")

    @app.post("/chat/")
    async def chat(request: ChatRequest):
        answer = Answer(request)
        async for event in events(request):
            answer.event(event)
        return answer.document()


@app.delete("/chat/sessions/{session_id}")
async def delete_session(session_id: str):
    if sessions.pop(session_id, None) is None:
        return JSONResponse({"error": {"message": f"session `{session_id}` is not known"}}, 404)
    return {"deleted": session_id}


@app.get("/health")
async def health():
    return {"status": "healthy"}


if __name__ == "__main__":
    {"boto3": in_threads, "aioboto3": in_the_loop}[sys.argv[1]]()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Clients may connect from the moment they know the address.
    listener.listen(8192)
    print(json.dumps({"address": "%s:%d" % listener.getsockname()}), flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning", backlog=8192)
    uvicorn.Server(config).run(sockets=[listener])
