#!/usr/bin/env python3
"""Runs clients that call tools against a server of this project: the `openai` and `anthropic` packages, and LangChain and
instructor if they are installed.

    python3 Scripts/test_agents.py --ouro .build/release/ouro --model Tests/OuroTests/Fixtures/code_lm

Scripts/test_clients.sh installs the packages and runs this. The model knows nothing of tools, so its calls come from the
grammar alone: they must parse and fit all the same.
"""

import argparse
import importlib.util
import json
import sys

import anthropic
import openai

from running_server import KEY, Server

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Ulm", "Bonn"]}, "days": {"enum": [1, 2, 3]}, "now": {"type": "boolean"}},
    "required": ["city", "now"],
    "additionalProperties": False,
}
MESSAGES = [{"role": "user", "content": "let x"}]


def check_arguments(value: dict) -> None:
    assert value["city"] in ("Ulm", "Bonn") and isinstance(value["now"], bool), value
    assert set(value) <= {"city", "days", "now"}, value


def check_chat(client: openai.OpenAI) -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
    for choice in ["required", {"type": "function", "function": {"name": "weather"}}]:
        arguments = {
            "model": "any", "messages": MESSAGES, "tools": tools, "tool_choice": choice, "temperature": 0,
            "max_tokens": 300, "parallel_tool_calls": False}
        whole = client.chat.completions.create(**arguments).choices[0]
        assert whole.finish_reason == "tool_calls" and whole.message.content is None, whole
        assert len(whole.message.tool_calls) == 1
        check_arguments(json.loads(whole.message.tool_calls[0].function.arguments))
        text = ""
        for chunk in client.chat.completions.create(stream=True, **arguments):
            for call in chunk.choices[0].delta.tool_calls or []:
                assert call.index == 0
                text += call.function.arguments or ""
        assert text == whole.message.tool_calls[0].function.arguments
    # The result of the call goes back.
    answer = client.chat.completions.create(
        model="any", max_tokens=5, temperature=0, tools=tools, messages=MESSAGES + [
            whole.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": whole.message.tool_calls[0].id, "content": "sunny"}])
    assert answer.choices[0].finish_reason in ("length", "stop", "tool_calls")
    print("openai: tools")


def check_responses(client: openai.OpenAI) -> None:
    arguments = {"model": "any", "input": "let x", "temperature": 0, "max_output_tokens": 12}
    whole = client.responses.create(**arguments)
    assert whole.status == "incomplete" and whole.output_text, whole
    events = list(client.responses.create(stream=True, **arguments))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[-1].type == "response.incomplete"
    assert "".join(deltas) == whole.output_text == events[-1].response.output_text

    tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True}]
    arguments |= {"tools": tools, "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 300}
    call = client.responses.create(**arguments).output[0]
    assert call.type == "function_call" and call.status == "completed", call
    check_arguments(json.loads(call.arguments))
    with client.responses.stream(**arguments) as stream:
        last = stream.get_final_response()
    assert last.output[0].arguments == call.arguments
    turn = client.responses.create(
        model="any", max_output_tokens=4, temperature=0, input=[
            {"role": "user", "content": "let x"}, call.model_dump(),
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}])
    assert turn.usage.input_tokens > 20
    formatted = client.responses.create(
        model="any", input="let x", temperature=0, max_output_tokens=300,
        text={"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}})
    check_arguments(json.loads(formatted.output_text))
    try:
        client.responses.create(model="any", input="x", previous_response_id="resp_1")
        raise AssertionError("an earlier response was taken")
    except openai.BadRequestError as failure:
        assert failure.body["param"] == "previous_response_id", failure.body
    print("openai: responses, their streams, tools and schemas")


def check_anthropic(url: str) -> None:
    client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
    arguments = {
        "model": "any", "max_tokens": 12, "messages": MESSAGES, "system": "Be brief.",
        "extra_body": {"temperature": 0}}
    whole = client.messages.create(**arguments)
    assert whole.stop_reason == "max_tokens" and whole.content[0].text, whole
    with client.messages.stream(**arguments) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == whole.content[0].text == last.content[0].text
    assert last.usage.output_tokens == 12
    count = client.messages.count_tokens(model="any", messages=MESSAGES, system="Be brief.")
    assert count.input_tokens == whole.usage.input_tokens + whole.usage.cache_read_input_tokens

    tools = [{"name": "weather", "description": "d", "input_schema": SCHEMA}]
    arguments |= {
        "tools": tools, "tool_choice": {"type": "tool", "name": "weather"}, "max_tokens": 300}
    whole = client.messages.create(**arguments)
    assert whole.stop_reason == "tool_use", whole
    check_arguments(whole.content[0].input)
    with client.messages.stream(**arguments) as stream:
        last = stream.get_final_message()
    assert last.content[0].input == whole.content[0].input
    turn = client.messages.create(
        model="any", max_tokens=4, tools=tools, messages=MESSAGES + [
            {"role": "assistant", "content": [block.model_dump() for block in whole.content]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": whole.content[0].id, "content": "sunny"}]}])
    assert turn.content
    try:
        client.messages.create(model="any", max_tokens=0, messages=MESSAGES)
        raise AssertionError("no tokens were taken")
    except anthropic.BadRequestError as failure:
        assert failure.body["error"]["type"] == "invalid_request_error", failure.body
    try:
        anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0).messages.create(**arguments)
        raise AssertionError("a wrong key was taken")
    except anthropic.AuthenticationError:
        pass
    print("anthropic: messages, streams, tools, counts, errors")


def check_langchain(url: str) -> None:
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    def weather(city: str, now: bool) -> str:
        """Tells the weather."""
        return city

    model = ChatOpenAI(base_url=url + "/v1", api_key=KEY, model="any", temperature=0, max_tokens=400, max_retries=0)
    answer = model.bind_tools([weather], tool_choice="weather", parallel_tool_calls=False).invoke("let x")
    if answer.response_metadata["finish_reason"] == "tool_calls":
        assert answer.tool_calls[0]["name"] == "weather" and isinstance(answer.tool_calls[0]["args"]["now"], bool)
    else:
        assert answer.response_metadata["finish_reason"] == "length", answer
    print("LangChain: bind_tools")


def check_instructor(url: str) -> None:
    import enum

    import instructor
    import pydantic

    class City(enum.Enum):
        ULM = "Ulm"
        BONN = "Bonn"

    class Weather(pydantic.BaseModel):
        city: City
        now: bool

    client = instructor.from_openai(openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0))
    answer = client.chat.completions.create(
        model="any", messages=MESSAGES, response_model=Weather, max_retries=0, max_tokens=300, temperature=0)
    assert answer.city in (City.ULM, City.BONN)
    print("instructor: its default mode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--model", default="Tests/OuroTests/Fixtures/code_lm")
    args = parser.parse_args()
    server = Server(args.ouro, "--model", args.model, "--api-key", KEY)
    try:
        client = openai.OpenAI(base_url=server.url + "/v1", api_key=KEY, max_retries=0)
        check_chat(client)
        check_responses(client)
        check_anthropic(server.url)
        for package, check in [("langchain_openai", check_langchain), ("instructor", check_instructor)]:
            if importlib.util.find_spec(package):
                check(server.url)
            else:
                print(f"skipped: {package} is not installed")
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
