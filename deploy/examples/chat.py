# OpenAI's SDK for Python, unmodified but for the address and the key.
import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("TOLLGATE_URL", "http://127.0.0.1:8080") + "/v1",
    api_key=os.environ["TOLLGATE_KEY"],
)
reply = client.chat.completions.with_raw_response.create(
    model=os.environ.get("TOLLGATE_MODEL", "demo"),
    messages=[{"role": "user", "content": "Hello"}],
    extra_headers={"x-tollgate-session": "support-4711"},
)
print(reply.parse().choices[0].message.content)
print("cost", reply.headers["x-tollgate-cost-usd"])
print("call", reply.headers["x-tollgate-call-id"])
