"""What a program written against OpenAI's client sees of the server whose base URL is the first argument."""

import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key="unused", max_retries=0)
question = dict(model="veris-chat", messages=[{"role": "user", "content": "Why?"}])

print("models:", [model.id for model in client.models.list()])

answer = client.chat.completions.create(**question)
print("answer:", answer.choices[0].message.role, answer.choices[0].message.content, answer.choices[0].finish_reason)
print("usage:", answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens)

stream = client.chat.completions.create(**question, stream=True, stream_options={"include_usage": True})
for chunk in stream:
    for choice in chunk.choices:
        print("chunk:", choice.delta.role, repr(choice.delta.content), choice.finish_reason)
    if chunk.usage:
        print("usage:", chunk.usage.total_tokens, chunk.usage.prompt_tokens_details.cached_tokens)

try:
    client.chat.completions.create(**question)
except openai.RateLimitError as error:
    print("throttled:", error.status_code, error.code, error.response.headers["retry-after"])

try:
    for chunk in client.chat.completions.create(**question, stream=True):
        if chunk.choices[0].delta.content:
            print("chunk:", chunk.choices[0].delta.content)
except openai.APIError as error:
    print("broken off:", error.message)

try:
    client.chat.completions.create(model="gpt-4o", messages=question["messages"])
except openai.NotFoundError as error:
    print("not found:", error.code)

try:
    client.chat.completions.create(model="veris-chat", messages=[])
except openai.BadRequestError as error:
    print("bad request:", error.code)
