#!/usr/bin/env python3
"""Checks the JSON schemas of OuroConstraints with Python's jsonschema and pydantic.

For each case of schema_cases.json, and for ordinary pydantic models, it samples texts from the compiled grammar and
validates them. It also checks that the cases themselves say what jsonschema says.

usage: Scripts/check_schemas.py [--count N] [--skip-build]
It needs the packages jsonschema[format] and pydantic. Exit code 77: they are missing.
"""
import argparse
import datetime
import decimal
import enum
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import typing
import uuid

try:
    import jsonschema
    import pydantic
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
Field, BaseModel = pydantic.Field, pydantic.BaseModel


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Inner(BaseModel):
    """A nested model."""
    x: int
    y: float = 0.5


class Cat(BaseModel):
    kind: typing.Literal["cat"]
    lives: int = Field(ge=0, le=9)


class Dog(BaseModel):
    kind: typing.Literal["dog", "puppy"] = "dog"
    name: str


class Tree(BaseModel):
    value: int
    children: list["Tree"] = []


class Scalars(BaseModel):
    a: int
    b: float
    c: str
    d: bool
    e: None


class Limits(BaseModel):
    age: int = Field(ge=0, le=150)
    share: float = Field(gt=0, lt=1)
    even: int = Field(multiple_of=2)
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    short: str = Field(min_length=1, max_length=8)
    some: list[int] = Field(min_length=1, max_length=3)


class Times(BaseModel):
    day: datetime.date
    clock: datetime.time
    moment: datetime.datetime
    span: datetime.timedelta
    id: uuid.UUID


class Containers(BaseModel):
    counts: dict[str, int]
    pair: tuple[int, str]
    many: tuple[int, ...]
    table: dict[str, list[float]]
    kinds: dict[typing.Literal["a", "b"], int]
    colours: set[Colour]


class Options(BaseModel):
    one: typing.Optional[int] = None
    two: int | str | None
    three: typing.Literal["x", 1, True]
    colour: Colour
    size: Size = Size.SMALL
    inner: Inner
    inners: list[Inner] = Field(default_factory=list, description="some")


class Pets(BaseModel):
    pet: typing.Union[Cat, Dog] = Field(discriminator="kind")
    pets: list[typing.Annotated[typing.Union[Cat, Dog], Field(discriminator="kind")]]


class Closed(BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    a: int


class Open(BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


class Money(BaseModel):
    amount: decimal.Decimal
    price: decimal.Decimal = Field(ge=0, le=1000)


class Addresses(BaseModel):
    link: pydantic.AnyUrl
    four: pydantic.IPvAnyAddress | None = None


class Anything(BaseModel):
    any: typing.Any
    objects: list[dict]


MODELS = [Scalars, Limits, Times, Containers, Options, Pets, Closed, Open, Money, Addresses, Anything, Tree, Inner]
# Models whose schemas say less than the models: their texts are only validated.
LOOSE = {Money}


def validator(schema):
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20, help="texts for each schema")
    parser.add_argument("--skip-build", action="store_true", help="use the tests that are built")
    options = parser.parse_args()
    cases = json.loads((ROOT / "Scripts/schema_cases.json").read_text())
    faults = []
    for case in cases:
        check = validator(case["schema"])
        for test in case["tests"]:
            if check.is_valid(test["data"]) != test["valid"]:
                faults.append(f"{case['description']}: jsonschema disagrees about {json.dumps(test['data'])}")
    models = [None] * len(cases) + MODELS
    cases += [{"description": m.__name__, "schema": m.model_json_schema(), "tests": []} for m in MODELS]
    with tempfile.TemporaryDirectory() as folder:
        source, target = pathlib.Path(folder, "cases.json"), pathlib.Path(folder, "samples.jsonl")
        source.write_text(json.dumps(cases))
        command = ["swift", "test", "--filter", "SchemaCaseTests.writesSamples"]
        environment = dict(
            os.environ, OURO_SCHEMA_CASES=str(source), OURO_SCHEMA_SAMPLES=str(target),
            OURO_SCHEMA_COUNT=str(options.count))
        run = subprocess.run(
            command + (["--skip-build"] if options.skip_build else []), cwd=ROOT, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if not target.exists():
            sys.exit(run.stdout)
        results = [json.loads(line) for line in target.read_text().splitlines()]
    total = 0
    for case, model, result in zip(cases, models, results, strict=True):
        name = case["description"]
        if result["error"]:
            faults.append(f"{name}: {result['error']}")
            continue
        if len(result["samples"]) < options.count:
            faults.append(f"{name}: only {len(result['samples'])} of {options.count} texts")
        check = validator(case["schema"])
        for text in result["samples"]:
            total += 1
            try:
                error = next(check.iter_errors(json.loads(text)), None)
                if error is not None:
                    faults.append(f"{name}: {text}: {error.message}")
                if model is not None and model not in LOOSE:
                    model.model_validate_json(text)
            except (ValueError, RecursionError) as error:
                faults.append(f"{name}: {text}: {error}")
    for fault in faults:
        print(fault)
    print(f"{len(cases)} schemas, {total} texts, {len(faults)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
