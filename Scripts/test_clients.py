#!/usr/bin/env python3
"""Runs public clients against a server of this project: the `openai` package and EleutherAI's lm-evaluation-harness.

    python3 Scripts/test_clients.py --ouro .build/release/ouro --model Tests/OuroTests/Fixtures/code_lm

Needs openai and lm_eval[api]; Scripts/test_clients.sh installs them and runs this. Every check is an assertion.
Log-likelihoods are compared with `ouro score`. Golden data compares `ouro score` with the reference.
"""

import argparse
import asyncio
import json
import pathlib
import subprocess
import sys
import tempfile

import openai

from running_server import KEY, Server

PROMPT = "public func "


def scores(ouro: str, model: str, text: str) -> list[float]:
    """Returns the log-probabilities after the last loop, from the text's second token on."""
    command = [ouro, "score", "--model", model, "--text", text, "--json"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line["logprobs"][-1] for line in map(json.loads, lines) if line.get("position", 0) > 0]


def check_openai(url: str) -> None:
    client = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)
    model = client.models.list().data[0].id

    whole = client.completions.create(model=model, prompt=PROMPT, max_tokens=12, temperature=0, logprobs=2)
    assert whole.choices[0].text and whole.choices[0].finish_reason == "length", whole
    assert len(whole.choices[0].logprobs.token_logprobs) == 12
    assert whole.usage.completion_tokens == 12

    stream = client.completions.create(
        model=model, prompt=PROMPT, max_tokens=12, temperature=0, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert chunks[-1].usage.completion_tokens == 12

    messages = [{"role": "user", "content": "let x"}]
    chat = client.chat.completions.create(
        model=model, messages=messages, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3, n=2,
        extra_body={"exit_threshold": 0.6, "loop_details": True})
    assert len(chat.choices) == 2 and chat.choices[0].message.content == chat.choices[1].message.content
    assert len(chat.choices[0].logprobs.content[0].top_logprobs) == 3
    assert all(1 <= loop["exit_loop"] <= 4 for loop in chat.choices[0].model_extra["loops"])
    assert chat.usage.model_extra["loops"]["mean_exit_loop"] < 4
    parts = client.chat.completions.create(
        model=model, messages=messages, max_tokens=6, temperature=0, stream=True,
        extra_body={"exit_threshold": 0.6})
    assert "".join(c.choices[0].delta.content or "" for c in parts) == chat.choices[0].message.content

    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    formatted = client.chat.completions.create(
        model=model, messages=messages, max_tokens=40, temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}})
    assert set(json.loads(formatted.choices[0].message.content)) == {"ok"}

    for arguments, error in [
        ({"max_tokens": -1}, openai.BadRequestError), ({"temperature": -1}, openai.BadRequestError),
        ({"extra_body": {"loops": 0}}, openai.BadRequestError),
    ]:
        try:
            client.completions.create(model=model, prompt=PROMPT, **arguments)
            raise AssertionError(f"{arguments} was taken")
        except error as failure:
            assert failure.body["type"] == "invalid_request_error", failure.body
    try:
        openai.OpenAI(base_url=url + "/v1", api_key="wrong", max_retries=0).models.list()
        raise AssertionError("a wrong key was taken")
    except openai.AuthenticationError:
        pass
    print("openai: completions, streams, chat, log-probabilities, schema, errors")


TASK = """
task: ouro_choice
dataset_path: json
dataset_kwargs:
  data_files: {test: "%s"}
test_split: test
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
doc_to_choice: "{{choices}}"
target_delimiter: ""
metric_list:
  - metric: acc
---
"""

GENERATION = """
task: ouro_generate
dataset_path: json
dataset_kwargs:
  data_files: {test: "%s"}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[answer]}}"
target_delimiter: ""
generation_kwargs: {until: ["\\n"], max_gen_toks: 8, temperature: 0}
metric_list:
  - metric: exact_match
"""


def check_harness(url: str, ouro: str, model: str) -> None:
    import os

    os.environ.update({"OPENAI_API_KEY": KEY, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"})
    import lm_eval
    from lm_eval.tasks import TaskManager

    documents = [
        {"question": "public func ", "choices": ["append", "zzqzzq"], "answer": 0},
        {"question": "return ", "choices": ["#@#", "self"], "answer": 1},
        {"question": "import ", "choices": ["Foundation", "x9x9x9"], "answer": 0},
    ]
    with tempfile.TemporaryDirectory() as place:
        data = pathlib.Path(place, "test.jsonl")
        data.write_text("".join(json.dumps(document) + "\n" for document in documents))
        pathlib.Path(place, "choice.yaml").write_text((TASK % data).replace("---\n", ""))
        pathlib.Path(place, "generate.yaml").write_text(GENERATION % data)
        manager = TaskManager(include_path=place, include_defaults=False)

        def run(kind: str, path: str, tasks: list[str], more: str = "", **arguments):
            return lm_eval.simple_evaluate(
                model=kind, model_args=f"model=code_lm,base_url={url}{path},num_concurrent=2,max_retries=1{more}",
                tasks=tasks, task_manager=manager, log_samples=True, bootstrap_iters=0, **arguments)

        remote = ",tokenizer_backend=remote,tokenized_requests=True"
        result = run("local-completions", "/v1/completions", ["ouro_choice", "ouro_generate"], remote)
        assert result["results"]["ouro_choice"]["acc,none"] == 1, result["results"]
        for sample in result["samples"]["ouro_choice"]:
            question = sample["doc"]["question"]
            for choice, response in zip(sample["doc"]["choices"], sample["filtered_resps"]):
                # The harness moves the last space of a context to the continuation.
                count = len(choice) + len(question) - len(question.rstrip())
                expected = sum(scores(ouro, model, question + choice)[-count:])
                assert abs(response[0] - expected) < 1e-3, (question, choice, response, expected)
        chat = run("local-chat-completions", "/v1/chat/completions", ["ouro_generate"], apply_chat_template=True)
        assert len(chat["samples"]["ouro_generate"]) == 3
    print("lm-evaluation-harness: log-likelihoods as scored, generation, chat")


async def check_pool(url: str) -> None:
    """Sends many requests over a few keep-alive connections. Each answer is that of a single request."""
    client = openai.AsyncOpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)

    async def text(number: int, stream: bool) -> str:
        answer = await client.completions.create(
            model="code_lm", prompt=PROMPT + str(number), max_tokens=12, temperature=0, stream=stream)
        if not stream:
            return answer.choices[0].text
        return "".join([chunk.choices[0].text async for chunk in answer])

    async def worker(first: int) -> None:
        for number in range(first, first + 8):
            assert await text(number, number % 2 == 0) == alone[number]

    alone = {number: await text(number, False) for number in range(24)}
    await asyncio.gather(*[worker(first) for first in range(16)])
    print("openai: a pool of connections")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--model", default="Tests/OuroTests/Fixtures/code_lm")
    args = parser.parse_args()
    server = Server(args.ouro, "--model", args.model, "--api-key", KEY)
    try:
        check_openai(server.url)
        asyncio.run(check_pool(server.url))
    finally:
        server.stop()
    # The remote tokenizer of the harness sends no API key.
    server = Server(args.ouro, "--model", args.model)
    try:
        check_harness(server.url, args.ouro, args.model)
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
