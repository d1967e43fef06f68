"""The official Python SDKs, unmodified. Reads tasks and prints answers, one JSON object a line: see task.ts."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai


def ask_openai(task, options):
    client = openai.OpenAI(base_url=task["origin"] + "/v1", **options)
    body = {
        "model": task["model"],
        "messages": [{"role": "user", "content": task["content"]}],
        "extra_headers": {"traceparent": task["traceparent"]},
    }
    if not task["stream"]:
        reply = client.chat.completions.create(**body)
        return reply.choices[0].message.content, reply._request_id
    stream = client.chat.completions.create(**body, stream=True)
    text = "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)
    return text, stream.response.headers.get("x-request-id")


def ask_anthropic(task, options):
    client = anthropic.Anthropic(base_url=task["origin"], **options)
    body = {
        "model": task["model"],
        "max_tokens": 9,
        "messages": [{"role": "user", "content": task["content"]}],
        "extra_headers": {"traceparent": task["traceparent"]},
    }
    if not task["stream"]:
        reply = client.messages.create(**body)
        return reply.content[0].text, reply._request_id
    with client.messages.stream(**body) as events:
        return "".join(events.text_stream), events.request_id


def answer(task):
    options = {"api_key": task["key"]}
    if not task["patient"]:
        options["max_retries"] = 0
    ask = ask_openai if task["sdk"] == "openai" else ask_anthropic
    try:
        text, request_id = ask(task, options)
        return {"text": text, "error": "", "status": 0, "requestId": request_id or ""}
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        return {
            "text": None,
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None) or 0,
            "requestId": getattr(error, "request_id", None) or "",
        }


tasks = [json.loads(line) for line in sys.stdin]
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    for task, seen in zip(tasks, pool.map(answer, tasks)):
        print(json.dumps({"id": task["id"], **seen}), flush=True)
